#include "proxy/message/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::message {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kNow{std::chrono::seconds(1'700'000'000)};
const smtp::Mailbox kBob{"bob", "example.net"};

Trace example() {
  return {.ehlo_name = "client.example",
          .client_ip = "192.0.2.1",
          .tls_version = "TLSv1.3",
          .tls_cipher = "TLS_AES_128_GCM_SHA256",
          .hostname = "mail.example.com",
          .id = "0LPFCE2L8A1B2C3D4E5F",
          .only_recipient = &kBob,
          .now = kNow};
}

TEST(Trace, WritesReceivedAsRfc5321Wants) {
  EXPECT_EQ(received_field(example()),
            "Received: from client.example ([192.0.2.1])\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n"
            "\tby mail.example.com with ESMTPSA id 0LPFCE2L8A1B2C3D4E5F\r\n"
            "\tfor <bob@example.net>;\r\n"
            "\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
}

TEST(Trace, LeavesOutWhatThereIsNot) {
  auto trace = example();
  trace.tls_version = {};
  trace.only_recipient = nullptr;
  trace.client_ip = "2001:db8::1";
  EXPECT_EQ(received_field(trace),
            "Received: from client.example ([IPv6:2001:db8::1])\r\n"
            "\tby mail.example.com with ESMTPA id 0LPFCE2L8A1B2C3D4E5F;\r\n"
            "\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
}

TEST(Trace, NamesTheProtocolOfRfc3848AndRfc6531) {
  const auto protocol = [](bool extended, bool tls, bool authenticated, bool smtputf8 = false) {
    Trace trace;
    trace.extended = extended;
    trace.tls_version = tls ? "TLSv1.3" : "";
    trace.authenticated = authenticated;
    trace.smtputf8 = smtputf8;
    return with_protocol(trace);
  };
  EXPECT_EQ(protocol(true, true, true), "ESMTPSA");
  EXPECT_EQ(protocol(true, true, false), "ESMTPS");
  EXPECT_EQ(protocol(true, false, true), "ESMTPA");
  EXPECT_EQ(protocol(true, false, false), "ESMTP");
  EXPECT_EQ(protocol(false, false, false), "SMTP");
  EXPECT_EQ(protocol(true, true, true, true), "UTF8SMTPSA");
  EXPECT_EQ(protocol(true, true, false, true), "UTF8SMTPS");
  EXPECT_EQ(protocol(true, false, true, true), "UTF8SMTPA");
  EXPECT_EQ(protocol(true, false, false, true), "UTF8SMTP");
}

TEST(Trace, WhatAClientSaysCannotForgeAField) {
  auto trace = example();
  trace.ehlo_name = "x\r\nBcc: y@z (\"<;>)";
  const smtp::Mailbox odd{"\"a>; b\r\n\"", "example.net"};
  trace.only_recipient = &odd;
  const auto field = received_field(trace);
  EXPECT_THAT(field, HasSubstr("from x??Bcc:?y?z??????? ([192.0.2.1])"));
  EXPECT_THAT(field, Not(HasSubstr("for")));
}

TEST(Trace, KeepsAddressLiteralsAndUnderscoresOfEhlo) {
  auto trace = example();
  for (const char* name :
       {"[IPv6:2001:db8::1]", "[192.0.2.1]", "my_laptop", "xn--bcher-kva.example"}) {
    trace.ehlo_name = name;
    EXPECT_THAT(received_field(trace), HasSubstr("from " + std::string(name) + " ("));
  }
}

TEST(Trace, NoLineIsLongerThanRfc5322Allows) {
  const std::string name(2000, 'n');
  auto trace = example();
  trace.ehlo_name = trace.hostname = trace.tls_cipher = name;
  const std::string field = received_field(trace);
  for (std::size_t begin = 0; begin < field.size();) {
    const auto end = field.find("\r\n", begin);
    EXPECT_LE(end - begin, 998u);
    begin = end + 2;
  }
}

TEST(Trace, AddsDateAndMessageIdOnlyWhereMissing) {
  const auto both = trace_fields(example(), {});
  EXPECT_TRUE(
      both.ends_with("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                     "Message-ID: <0LPFCE2L8A1B2C3D4E5F@mail.example.com>\r\n"))
      << both;
  EXPECT_EQ(trace_fields(example(), {.has_date = true, .has_message_id = true}),
            received_field(example()));
  EXPECT_THAT(trace_fields(example(), {.has_date = true}), Not(HasSubstr("Date:")));
  EXPECT_THAT(trace_fields(example(), {.has_message_id = true}), Not(HasSubstr("Message-ID:")));
}

TEST(Trace, CanKeepTheClientToItself) {
  auto trace = example();
  trace.hide_client = true;
  EXPECT_EQ(received_field(trace),
            "Received: from client.invalid\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n"
            "\tby mail.example.com with ESMTPSA id 0LPFCE2L8A1B2C3D4E5F\r\n"
            "\tfor <bob@example.net>;\r\n"
            "\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
}

TEST(Trace, MessageIdsMayHaveADomainOfTheirOwn) {
  auto trace = example();
  EXPECT_EQ(message_id(trace), "<0LPFCE2L8A1B2C3D4E5F@mail.example.com>");
  trace.message_id_domain = "example.com";
  EXPECT_EQ(message_id(trace), "<0LPFCE2L8A1B2C3D4E5F@example.com>");
  EXPECT_THAT(trace_fields(trace, {}),
              HasSubstr("\r\nMessage-ID: <0LPFCE2L8A1B2C3D4E5F@example.com>\r\n"));
}

TEST(Trace, TellsHowManyReceivedFieldsWereTakenOut) {
  const HeaderFacts facts{.has_date = true,
                          .has_message_id = true,
                          .received_fields = 3,
                          .received_before = 4,
                          .removes_received = true};
  EXPECT_EQ(trace_fields(example(), facts),
            received_field(example()) + "X-Received-Removed: 7\r\n");
  EXPECT_THAT(trace_fields(example(), {.received_fields = 3}),
              Not(HasSubstr("X-Received-Removed")));
  EXPECT_THAT(trace_fields(example(), {.removes_received = true}),
              Not(HasSubstr("X-Received-Removed")));
}

TEST(Trace, AddsWhatTheRulesSayBehindTheRest) {
  const std::vector<config::HeaderField> added = {{"X-Environment", "production"},
                                                  {"X-SES-CONFIGURATION-SET", "billing"}};
  EXPECT_EQ(trace_fields(example(), {}, added),
            trace_fields(example(), {}) +
                "X-Environment: production\r\nX-SES-CONFIGURATION-SET: billing\r\n");
}

TEST(Trace, WritesDatesOfAllKinds) {
  struct Case {
    std::int64_t seconds;
    const char* date;
  };
  const Case cases[] = {
      {0, "Thu, 1 Jan 1970 00:00:00 +0000"},
      {951'782'399, "Mon, 28 Feb 2000 23:59:59 +0000"},
      {951'782'400, "Tue, 29 Feb 2000 00:00:00 +0000"},
      {4'102'444'799, "Thu, 31 Dec 2099 23:59:59 +0000"},
  };
  for (const auto& [seconds, date] : cases) {
    EXPECT_EQ(date_time(WallTime(std::chrono::seconds(seconds))), date);
  }
}

}  // namespace
}  // namespace sallyport::message
