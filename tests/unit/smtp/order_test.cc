#include "proxy/smtp/order.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

// The stations of a session, as its commands are accepted one after the other.
constexpr SessionState kConnected{.offers_starttls = true};
constexpr SessionState kGreeted{.greeted = true, .extended = true, .offers_starttls = true};
constexpr SessionState kSaidHelo{.greeted = true, .offers_starttls = true};
constexpr SessionState kTlsOn{.tls = true, .offers_starttls = true};
constexpr SessionState kGreetedInTls{
    .greeted = true, .extended = true, .tls = true, .offers_starttls = true};
constexpr SessionState kAuthenticated{
    .greeted = true, .extended = true, .tls = true, .offers_starttls = true, .authenticated = true};
constexpr SessionState kAfterMail{.greeted = true,
                                  .extended = true,
                                  .tls = true,
                                  .offers_starttls = true,
                                  .authenticated = true,
                                  .has_reverse_path = true};
constexpr SessionState kAfterRcpt{.greeted = true,
                                  .extended = true,
                                  .tls = true,
                                  .offers_starttls = true,
                                  .authenticated = true,
                                  .has_reverse_path = true,
                                  .recipients = 1};

constexpr SessionState kBetweenChunks{.greeted = true,
                                      .extended = true,
                                      .tls = true,
                                      .offers_starttls = true,
                                      .authenticated = true,
                                      .has_reverse_path = true,
                                      .has_chunks = true,
                                      .recipients = 1};

std::string answer(const SessionState& state, Verb verb) {
  const auto refusal = check(state, verb);
  if (!refusal) return "ok";
  return std::to_string(refusal->code) + ' ' + refusal->enhanced.value_or(EnhancedCode()).str();
}

struct Row {
  Verb verb;
  const char* connected;
  const char* greeted;
  const char* tls;
  const char* greeted_in_tls;
  const char* authenticated;
  const char* after_mail;
  const char* after_rcpt;
  const char* between_chunks;
};

constexpr const char* kOk = "ok";
constexpr const char* kOrder = "503 5.5.1";
constexpr const char* kDenied = "530 5.7.0";

TEST(Order, IsThisTable) {
  // clang-format off
  const Row rows[] = {
    //                  connected    EHLO         TLS          TLS, EHLO    AUTH         MAIL         RCPT         BDAT
    {Verb::kEhlo,       kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kHelo,       kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kStarttls,   kOrder,      kOk,         kOrder,      kOrder,      kOrder,      kOrder,      kOrder,      kOrder},
    {Verb::kAuth,       "538 5.7.11","538 5.7.11",kOrder,      kOk,         kOrder,      kOrder,      kOrder,      kOrder},
    {Verb::kMail,       kDenied,     kDenied,     kOrder,      kDenied,     kOk,         kOrder,      kOrder,      kOrder},
    {Verb::kRcpt,       kDenied,     kDenied,     kOrder,      kDenied,     kOrder,      kOk,         kOk,         kOrder},
    {Verb::kData,       kDenied,     kDenied,     kOrder,      kDenied,     kOrder,      "554 5.5.1", kOk,         kOrder},
    {Verb::kBdat,       kDenied,     kDenied,     kOrder,      kDenied,     kOrder,      "554 5.5.1", kOk,         kOk},
    {Verb::kRset,       kDenied,     kDenied,     kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kNoop,       kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kVrfy,       kDenied,     kDenied,     kDenied,     kDenied,     kOk,         kOk,         kOk,         kOk},
    {Verb::kExpn,       kDenied,     kDenied,     kDenied,     kDenied,     kOk,         kOk,         kOk,         kOk},
    {Verb::kHelp,       kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kQuit,       kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
    {Verb::kUnknown,    kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk,         kOk},
  };
  // clang-format on
  ASSERT_EQ(std::size(rows), static_cast<std::size_t>(Verb::kUnknown) + 1) << "a verb has no row";
  for (const Row& row : rows) {
    EXPECT_EQ(answer(kConnected, row.verb), row.connected) << name(row.verb) << ", connected";
    EXPECT_EQ(answer(kGreeted, row.verb), row.greeted) << name(row.verb) << " after EHLO";
    EXPECT_EQ(answer(kTlsOn, row.verb), row.tls) << name(row.verb) << " after STARTTLS";
    EXPECT_EQ(answer(kGreetedInTls, row.verb), row.greeted_in_tls) << name(row.verb) << " in TLS";
    EXPECT_EQ(answer(kAuthenticated, row.verb), row.authenticated) << name(row.verb) << ", AUTH";
    EXPECT_EQ(answer(kAfterMail, row.verb), row.after_mail) << name(row.verb) << " after MAIL";
    EXPECT_EQ(answer(kAfterRcpt, row.verb), row.after_rcpt) << name(row.verb) << " after RCPT";
    EXPECT_EQ(answer(kBetweenChunks, row.verb), row.between_chunks)
        << name(row.verb) << " between chunks";
  }
}

// RFC 4954 section 4 and RFC 3207 section 4: both are extensions, and HELO offers none.
TEST(Order, GivesNoExtensionsToHelo) {
  EXPECT_EQ(answer(kSaidHelo, Verb::kStarttls), kOrder);
  SessionState in_tls = kSaidHelo;
  in_tls.tls = true;
  EXPECT_EQ(answer(in_tls, Verb::kAuth), kOrder);
  EXPECT_EQ(answer(in_tls, Verb::kMail), kDenied);  // so there is no way on but EHLO
}

TEST(Order, LetsAListenerWithoutTlsDoWithout) {
  SessionState state{.greeted = true, .extended = true, .requires_tls = false};
  EXPECT_EQ(answer(state, Verb::kStarttls), "502 5.5.1");
  EXPECT_EQ(answer(state, Verb::kMail), kDenied);
  EXPECT_EQ(answer(state, Verb::kAuth), kOk);
  state.authenticated = true;
  EXPECT_EQ(answer(state, Verb::kMail), kOk);
}

// RFC 3207 section 4.2: what was said before TLS is forgotten, so EHLO comes again.
TEST(Order, AsksForEhloAgainAfterStarttls) {
  EXPECT_EQ(check(kTlsOn, Verb::kMail).value_or(Reply()).text(), "Say EHLO first");
}

// RFC 3030 section 3.
TEST(Order, TakesBinaryContentByBdatOnly) {
  SessionState state = kAfterRcpt;
  state.binary = true;
  EXPECT_EQ(answer(state, Verb::kData), kOrder);
  EXPECT_EQ(answer(state, Verb::kBdat), kOk);
  EXPECT_EQ(answer(state, Verb::kRcpt), kOk);
}

TEST(Order, TellsWhatToDoNext) {
  const auto text = [](const SessionState& state, Verb verb) {
    return check(state, verb).value_or(Reply()).text();
  };
  EXPECT_EQ(text(kConnected, Verb::kMail), "Must issue a STARTTLS command first");
  EXPECT_EQ(text(kGreetedInTls, Verb::kData), "Authentication required");
  EXPECT_EQ(text(kAuthenticated, Verb::kRcpt), "Say MAIL first");
  EXPECT_EQ(text(kAfterMail, Verb::kData), "No valid recipients");
  EXPECT_EQ(text(kAuthenticated, Verb::kAuth), "Already authenticated");
  EXPECT_EQ(text(kGreetedInTls, Verb::kStarttls), "TLS is already on");
  EXPECT_EQ(text(kAfterRcpt, Verb::kMail),
            "Not during a mail transaction: end it or say RSET first");
}

}  // namespace
}  // namespace sallyport::smtp
