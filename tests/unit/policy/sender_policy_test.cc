#include "proxy/policy/sender_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::policy {
namespace {

config::User billing(const std::vector<std::string>& senders) {
  config::User user;
  user.name = "billing";
  for (const std::string& sender : senders) {
    user.senders.push_back(config::AddressPattern::parse(sender).value());
  }
  return user;
}

smtp::Mailbox mailbox(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return {std::string(address.substr(0, at)), std::string(address.substr(at + 1))};
}

smtp::ReversePath path(std::string_view address) {
  if (address == "<>") return {};
  return {mailbox(address)};
}

TEST(SenderPolicy, HoldsTheReversePathAgainstTheUsersPatterns) {
  const struct {
    std::vector<std::string> senders;
    const char* reverse_path;
    bool allowed;
  } cases[] = {
      {{}, "anyone@anywhere.example", true},
      {{}, "<>", true},
      {{"*"}, "anyone@anywhere.example", true},
      {{"*"}, "<>", true},
      {{"invoices@example.com"}, "invoices@example.com", true},
      {{"invoices@example.com"}, "Invoices@EXAMPLE.com", true},
      {{"invoices@example.com"}, "refunds@example.com", false},
      {{"invoices@example.com"}, "invoices@example.com.evil.example", false},
      {{"invoices@example.com"}, "\"invoices\"@example.com", true},  // the same address
      {{"invoices@example.com"}, "invoices@example.com.", true},
      {{"\"invoices\"@example.com."}, "invoices@example.com", true},
      {{"*@example.com."}, "\"a..b\"@Example.COM", true},
      {{"invoices@example.com"}, "<>", false},
      {{"*@example.com"}, "anyone@example.com", true},
      {{"*@example.com"}, "anyone@sub.example.com", false},
      {{"*@*.example.com"}, "anyone@sub.example.com", true},
      {{"*@*.example.com"}, "anyone@example.com", false},
      {{"*@example.com"}, "<>", false},
      {{"*@example.com", "<>"}, "<>", true},
      {{"*@billing.example.com", "invoices@example.com"}, "invoices@example.com", true},
      {{"*@billing.example.com", "invoices@example.com"}, "x@billing.example.com", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(!check_reverse_path(billing(c.senders), path(c.reverse_path)), c.allowed)
        << c.reverse_path;
  }
}

TEST(SenderPolicy, TheRefusalNamesUserAndAddressAndNoPattern) {
  const config::User user = billing({"*@billing.example.com"});
  EXPECT_EQ(check_reverse_path(user, path("ceo@example.com")),
            smtp::Reply(550, {5, 7, 1},
                        "user billing may not send as ceo@example.com: the address of MAIL FROM "
                        "must be one of the user's own"));
  EXPECT_EQ(check_reverse_path(user, path("<>")),
            smtp::Reply(550, {5, 7, 1},
                        "user billing may not send as <>: the address of MAIL FROM must be one of "
                        "the user's own"));
}

TEST(SenderPolicy, EveryAuthorMustBeTheUsers) {
  const config::User user = billing({"*@billing.example.com"});
  const smtp::Mailbox own = mailbox("invoices@billing.example.com");
  const smtp::Mailbox foreign = mailbox("ceo@example.com");
  EXPECT_FALSE(check_author(user, "From: x", std::vector{own}));
  EXPECT_FALSE(check_author(user, "From: x", std::vector{own, own}));
  const smtp::Reply refused(550, {5, 7, 1},
                            "user billing may not send as ceo@example.com: each address in \"From: "
                            "x\" must be one of the "
                            "user's own");
  EXPECT_EQ(check_author(user, "From: x", std::vector{foreign}), refused);
  EXPECT_EQ(check_author(user, "From: x", std::vector{own, foreign}), refused);
  EXPECT_FALSE(check_author(billing({}), "From: x", std::vector{foreign}));
}

TEST(SenderPolicy, AnAuthorThatCannotBeToldIsNotWavedThrough) {
  EXPECT_EQ(
      refuse_unknown_author(billing({"*"}), "it has no From: field"),
      smtp::Reply(550, {5, 7, 1}, "user billing may not send this message: it has no From: field"));
}

}  // namespace
}  // namespace sallyport::policy
