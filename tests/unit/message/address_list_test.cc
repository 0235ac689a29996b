#include "proxy/message/address_list.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::message {
namespace {

std::string show(std::string_view value) {
  const auto mailboxes = parse_address_list(value);
  if (!mailboxes) return "error";
  std::string all;
  for (const auto& mailbox : *mailboxes) {
    if (!all.empty()) all += ", ";
    all += mailbox.str();
  }
  return all;
}

struct Case {
  std::string_view value;
  std::string_view mailboxes;
};

TEST(AddressList, GivesTheMailboxes) {
  const Case cases[] = {
      // RFC 5322 appendix A.
      {"John Doe <jdoe@machine.example>", "jdoe@machine.example"},
      {"\"Joe Q. Public\" <john.q.public@example.com>", "john.q.public@example.com"},
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "mary@x.test, jdoe@example.org, one@y.test"},
      {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       "boss@nil.test, sysservices@example.net"},
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
       "c@a.test, joe@where.test, jdoe@one.test"},
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test"},
      {"Mary Smith <@node.test:mary@example.net>", "error"},  // a route: see below
      {", , joe@a.test,,", "joe@a.test"},
      {"Undisclosed recipients:;", ""},
      // What programs write.
      {"", ""},
      {" root@host.example (Cron Daemon)", "root@host.example"},
      {"=?UTF-8?Q?J=C3=BCrgen_M=2E?= <j@m.example>", "j@m.example"},
      {"J\xc3\xbcrgen <j@m.example>", "j@m.example"},
      {"John Q. Public <j@p.example>", "j@p.example"},
      {"Folded\r\n\tName\r\n <f@n.example>", "f@n.example"},
      {"<a@[192.0.2.1]>", "a@[192.0.2.1]"},
      {"o'neil+tag@x.example", "o'neil+tag@x.example"},
      {"a@b.example ", "a@b.example"},
      // One spelling for one address.
      {"\"john.doe\"@x.example", "john.doe@x.example"},
      {"\"john\".doe@x.example", "john.doe@x.example"},
      {"\"john doe\"@x.example", "\"john doe\"@x.example"},
      {"\"a\\\"b\"@x.example", "\"a\\\"b\"@x.example"},
  };
  for (const auto& [value, mailboxes] : cases) EXPECT_EQ(show(value), mailboxes) << value;
}

TEST(AddressList, RefusesWhatAnotherReaderCouldReadOtherwise) {
  const std::string_view cases[] = {
      "root",                                    // no domain
      "ceo@bank.example <me@x.example>",         // which one is it?
      "<me@x.example> <ceo@bank.example>",       //
      "me@x.example ceo@bank.example",           //
      "me@x.example; ceo@bank.example",          // `;` ends groups only
      "ceo@bank.example .x.example",             // some stop reading at the space
      "ceo@bank.example(c).x.example",           //
      "ceo . me@x.example",                      //
      "<@ceo.example:me@x.example>",             // a route, of which some take the first address
      "<me@x.example",                           // never closed
      "me@x.example>",                           //
      "\"me@x.example",                          //
      "(me@x.example",                           //
      "Group: me@x.example",                     //
      "Outer: Inner: me@x.example;;",            // groups don't nest
      "me@@x.example",                           //
      "me@",                                     //
      "@x.example",                              //
      ".me@x.example",                           //
      "me..you@x.example",                       //
      "me@x..example",                           //
      "me@.x.example",                           //
      "Foo, Inc. <me@x.example>",                // the comma needs quotes
      "a [b] <me@x.example>",                    //
      "a\\b <me@x.example>",                     //
      "\x01<me@x.example>",                      // controls
      "\"a\x00b\" <me@x.example>",               //
      "me@x.example\r\nFrom: ceo@bank.example",  // not folded
      "me@x.example\n ceo@bank.example",         //
      "<>",                                      //
  };
  for (const auto value : cases) EXPECT_EQ(show(value), "error") << value;
}

TEST(AddressList, SurvivesDepthAndLength) {
  EXPECT_EQ(show(std::string(50'000, '(') + std::string(50'000, ')') + "a@b.example"),
            "a@b.example");
  EXPECT_EQ(show(std::string(100'000, '(')), "error");
  EXPECT_EQ(show(std::string(100'000, ',') + "a@b.example"), "a@b.example");
}

}  // namespace
}  // namespace sallyport::message
