#include "proxy/smtp/mailbox.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>

namespace sallyport::smtp {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

// Parsed from "x@y" to its two halves; the error's text when it is refused.
std::string halves(const Result<Mailbox>& mailbox) {
  return mailbox ? mailbox->local + " at " + mailbox->domain : "refused: " + mailbox.error().text;
}

TEST(Mailbox, IsALocalPartAndADomain) {
  const std::pair<const char*, const char*> accepted[] = {
      {"jane@example.com", "jane at example.com"},
      {"Jane.Q.Doe@Example.COM", "Jane.Q.Doe at Example.COM"},
      {"root@localhost", "root at localhost"},
      {"bounce+id=42@a-b.example", "bounce+id=42 at a-b.example"},
      {"!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~ at x"},
      {"0@1.2.3", "0 at 1.2.3"},
      {"a@xn--mnchen-3ya.example", "a at xn--mnchen-3ya.example"},
  };
  for (const auto& [text, expected] : accepted) EXPECT_EQ(halves(parse_mailbox(text)), expected);
}

// RFC 5321 section 4.1.2: a Quoted-string stands for its content, and what goes on is quoted only
// where it must be.
TEST(Mailbox, HasOneFormForEachLocalPart) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("john doe")", R"("john doe")"},
      {R"("a@b")", R"("a@b")"},
      {R"("")", R"("")"},
      {R"("a\"b\\c")", R"("a\"b\\c")"},
      {R"("<>,:;()[]")", R"("<>,:;()[]")"},
      {R"("\ ")", R"(" ")"},
      {R"("jane")", "jane"},
      {R"("j\ane.doe")", "jane.doe"},
      {R"("a..b")", R"("a..b")"},
      // Dots in odd places: such mailboxes exist, and RFC 5321 has them in quotes.
      {"first..last", R"("first..last")"},
      {".jane", R"(".jane")"},
      {"jane.", R"("jane.")"},
      {".", R"(".")"},
  };
  for (const auto& [written, normal] : cases) {
    const auto mailbox = parse_mailbox(std::string(written) + "@example.com");
    ASSERT_TRUE(mailbox) << written << ": " << mailbox.error().text;
    EXPECT_EQ(mailbox->local, normal);
    EXPECT_EQ(mailbox->str(), std::string(normal) + "@example.com");
    EXPECT_EQ(parse_mailbox(mailbox->str()), mailbox);
  }
}

TEST(Mailbox, TakesDomainsAsTheyAreInTheDns) {
  const std::pair<const char*, const char*> cases[] = {
      {"a@my_sub.example.net", "a at my_sub.example.net"},
      {"a@_dmarc.example", "a at _dmarc.example"},
      {"a@example.net.", "a at example.net"},
      {"a@localhost.", "a at localhost"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(halves(parse_mailbox(text)), expected);
  for (const char* text : {"a@example.net..", "a@.", "a@..", "a@.example.net."}) {
    EXPECT_FALSE(parse_mailbox(text)) << text;
  }
}

// RFC 5321 section 4.1.3.
TEST(Mailbox, TakesAddressLiterals) {
  for (const char* literal :
       {"[192.0.2.1]", "[255.255.255.255]", "[IPv6:2001:db8::1]", "[IPv6:::]", "[ipv6:::1]",
        "[IPv6:1:2:3:4:5:6:7:8]", "[IPv6:::ffff:192.0.2.1]", "[X-tag:any!thing]"}) {
    EXPECT_EQ(halves(parse_mailbox("a@"s + literal)), "a at "s + literal);
  }
  const std::pair<const char*, const char*> refused[] = {
      {"[]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2.256]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2.01]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2.1 ]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[2001:db8::1]", "the IPv6 address literal lacks its 'IPv6:'"},
      {"[IPv6:]", "the address literal has no valid IPv6 address after 'IPv6:'"},
      {"[IPv6:1::2::3]", "the address literal has no valid IPv6 address after 'IPv6:'"},
      {"[IPv6:12345::]", "the address literal has no valid IPv6 address after 'IPv6:'"},
      {"[IPv6:fe80::1%eth0]", "the address literal has no valid IPv6 address after 'IPv6:'"},
      {"[-:x]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[tag:]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[tag:a[b]", "the address literal is neither an IPv4 nor a tagged address"},
      {"[192.0.2.1", "the address literal has no closing ']'"},
      {"[192.0.2.1].com", "the address has '.' after its domain"},
  };
  for (const auto& [literal, why] : refused) {
    EXPECT_EQ(halves(parse_mailbox("a@"s + literal)), "refused: "s + why) << literal;
  }
}

TEST(Mailbox, SaysWhatIsWrong) {
  const std::pair<std::string_view, const char*> refused[] = {
      {"", "the address is missing"},
      {"jane", "the address has no '@' and domain"},
      {"@example.com", "the local part is missing"},
      {"jane@", "the domain is missing"},
      {"jane doe@x", "the local part has a space, which is not allowed outside quotes"},
      {"jane(a)@x", "the local part has '(', which is not allowed outside quotes"},
      {"jane\r\n@x", "the local part has the octet 13, which is not allowed outside quotes"},
      {"j\0e@x"sv, "the local part has the octet 0, which is not allowed outside quotes"},
      {"\"jane@x", "the quoted local part has no closing '\"'"},
      {"\"jane\\\"@x", "the quoted local part has no closing '\"'"},
      {"\"jane\\", "the quoted local part has no closing '\"'"},
      {"\"ja\nne\"@x", "the quoted local part has the octet 10, which is not allowed"},
      {"\"ja\\\tne\"@x", "the quoted local part has the octet 9, which is not allowed"},
      {"\"jane\"doe@x", "the local part has 'd', which is not allowed outside quotes"},
      {"jane@x@y", "the address has '@' after its domain"},
      {"jane@x y", "the address has a space after its domain"},
      {"jane@x\0"sv, "the domain has the octet 0, which is not allowed"},
      {"jane@-x", "the domain has a label that begins or ends with '-'"},
      {"jane@x-.y", "the domain has a label that begins or ends with '-'"},
      {"jane@x..", "the domain has an empty label"},
      {"jane@x+y", "the domain has '+', which is not allowed"},
      {"jane@.x", "the domain has an empty label"},
      {"jane@x..y", "the domain has an empty label"},
      {"j\xc3\xa4ne@x", "the local part goes beyond ASCII, which needs SMTPUTF8"},
      {"jane@\xc3\xa4.x", "the domain goes beyond ASCII, which needs SMTPUTF8"},
  };
  for (const auto& [text, why] : refused) {
    EXPECT_EQ(halves(parse_mailbox(text)), "refused: "s + why) << text;
  }
}

// RFC 5321 section 4.5.3.1: each limit is met here to the octet, and passed by one.
TEST(Mailbox, HoldsTheSizeLimits) {
  // 64 octets of local part are the least that must be taken, and no limit: what VERP and SRS make
  // of an address is longer.
  const std::string local(252, 'l');
  EXPECT_TRUE(parse_mailbox(local + "@x"));
  EXPECT_EQ(halves(parse_mailbox(local + "l@x")), "refused: the address is longer than 254 octets");
  EXPECT_FALSE(parse_mailbox(local.substr(2) + "..@x"));  // with its quotes it is too long

  const std::string label(63, 'd');
  EXPECT_TRUE(parse_mailbox("a@" + label));
  EXPECT_EQ(halves(parse_mailbox("a@" + label + "d")),
            "refused: the domain has a label longer than 63 octets");

  const std::string domain = label + '.' + label + '.' + label + '.' + label;  // 255
  EXPECT_EQ(halves(parse_mailbox("a@" + domain + "d")),
            "refused: the domain is longer than 255 octets");
  // A path of 256 octets leaves 254 for what is between its angle brackets.
  EXPECT_TRUE(parse_mailbox("ab@" + domain.substr(4)));
  EXPECT_EQ(halves(parse_mailbox("abc@" + domain.substr(4))),
            "refused: the address is longer than 254 octets");
}

// RFC 6531 section 3.3.
TEST(Mailbox, TakesUtf8WhenTold) {
  EXPECT_EQ(halves(parse_mailbox("j\xc3\xa4ne@b\xc3\xbc"
                                 "cher.example",
                                 true)),
            "j\xc3\xa4ne at b\xc3\xbc"
            "cher.example");
  EXPECT_TRUE(parse_mailbox("\"\xf0\x9f\x93\xae \"@x", true));
  EXPECT_EQ(halves(parse_mailbox("j\xc3ne@x", true)), "refused: the local part is not valid UTF-8");
  EXPECT_EQ(halves(parse_mailbox("j@x\xff", true)), "refused: the domain is not valid UTF-8");
  // A quoted-pair is a pair of ASCII octets; what follows it must not be torn.
  EXPECT_FALSE(parse_mailbox("\"\\\xc3\xa4\"@x", true));
}

TEST(ReversePath, IsAPathOrNothing) {
  const auto null = parse_reverse_path("<> SIZE=3");
  ASSERT_TRUE(null);
  EXPECT_EQ(null->value, ReversePath());
  EXPECT_EQ(null->value.str(), "");
  EXPECT_EQ(null->rest, " SIZE=3");

  const auto path = parse_reverse_path(R"(<"a> b"@x>rest)");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->value.str(), R"("a> b"@x)");
  EXPECT_EQ(path->rest, "rest");
}

// Controllers and old tools leave the brackets out; so did RFC 821's readers.
TEST(ReversePath, NeedsNoBracketsWhereItsEndIsPlain) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"a@b", "a@b", ""},
      {"a@b SIZE=3", "a@b", " SIZE=3"},
      {"a@b. SIZE=3", "a@b", " SIZE=3"},
      {R"("a> b"@x  BODY=7BIT)", R"("a> b"@x)", "  BODY=7BIT"},
      {"a@[192.0.2.1]", "a@[192.0.2.1]", ""},
  };
  for (const auto& [text, address, rest] : cases) {
    const auto path = parse_reverse_path(text);
    ASSERT_TRUE(path) << text << ": " << path.error().text;
    EXPECT_EQ(path->value.str(), address);
    EXPECT_EQ(path->rest, rest);
    EXPECT_EQ(parse_forward_path(text)->value.str(), address);
  }
}

TEST(ReversePath, EndsWhereItIsClosed) {
  const std::pair<const char*, const char*> refused[] = {
      {"", "the address is missing"},
      {"a@b>", "the address has '>' after its domain"},
      {"a@b,c@d", "the address has ',' after its domain"},
      {"a@b<c@d>", "the address has '<' after its domain"},
      {"SIZE=3", "the address has no '@' and domain"},
      {"Jane <a@b>", "the local part has a space, which is not allowed outside quotes"},
      {" <a@b>", "the local part has a space, which is not allowed outside quotes"},
      {"<a@b", "the address has no closing '>'"},
      {"<a@b SIZE=3", "the address has a space after its domain"},
      {"<", "the address has no '@' and domain"},
      {"<a>", "the address has no '@' and domain"},
      {"<<a@b>>", "the local part has '<', which is not allowed outside quotes"},
      {"<a@b >", "the address has a space after its domain"},
      {"< a@b>", "the local part has a space, which is not allowed outside quotes"},
      {"<a@b,c@d>", "the address has ',' after its domain"},
      {"<a@b;c>", "the domain has ';', which is not allowed"},
      {"<Postmaster>", "the address has no '@' and domain"},
      {"Postmaster", "the address has no '@' and domain"},
  };
  for (const auto& [text, why] : refused) {
    const auto path = parse_reverse_path(text);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().text, why) << text;
    EXPECT_EQ(path.error().code, ErrorCode::kInvalid);
  }
}

// RFC 5321 appendix C: accepted, checked, and forgotten.
TEST(Path, DropsASourceRoute) {
  const auto path = parse_reverse_path("<@one.example,@[192.0.2.1],@three:jane@example.com> X=1");
  ASSERT_TRUE(path) << path.error().text;
  EXPECT_EQ(path->value.str(), "jane@example.com");
  EXPECT_EQ(path->rest, " X=1");
  EXPECT_EQ(parse_forward_path("<@a:b@c>")->value.str(), "b@c");

  for (const char* text : {"<@a>", "<@a:>", "<@a,b:c@d>", "<@:c@d>", "<@a,:c@d>", "<@a@b:c@d>",
                           "<@a+b:c@d>", "<@a:@b:c@d>", "<@a, @b:c@d>"}) {
    EXPECT_FALSE(parse_reverse_path(text)) << text;
    EXPECT_FALSE(parse_forward_path(text)) << text;
  }
}

// RFC 5321 sections 4.1.1.3 and 4.5.1.
TEST(ForwardPath, MayBePostmasterAloneButNeverEmpty) {
  const auto postmaster = parse_forward_path("<postMASTER> NOTIFY=NEVER");
  ASSERT_TRUE(postmaster);
  EXPECT_EQ(postmaster->value, (Mailbox{.local = "postMASTER", .domain = ""}));
  EXPECT_EQ(postmaster->value.str(), "postMASTER");
  EXPECT_EQ(postmaster->rest, " NOTIFY=NEVER");
  EXPECT_EQ(parse_forward_path("<postmaster@x>")->value.str(), "postmaster@x");
  EXPECT_FALSE(parse_forward_path("<postmasters>"));
  EXPECT_FALSE(parse_forward_path("<postmaster"));
  EXPECT_EQ(parse_forward_path("Postmaster NOTIFY=NEVER")->rest, " NOTIFY=NEVER");
  EXPECT_EQ(parse_forward_path("postmaster")->value.str(), "postmaster");
  EXPECT_FALSE(parse_forward_path("postmaster>"));

  EXPECT_EQ(parse_forward_path("<>").error().text, "the address is empty");
}

}  // namespace
}  // namespace sallyport::smtp
