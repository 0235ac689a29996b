#include "proxy/submission/refused_data.h"

#include <gtest/gtest.h>

#include <string_view>

namespace sallyport::submission {
namespace {

TEST(RefusedData, WhatCameWithItIsContentButForWhatDoesNothing) {
  const std::string_view flight = "MAIL FROM:<a@b.example>\r\nRSET\r\n";
  RefusedData refused;
  EXPECT_FALSE(refused.is_open());
  refused.begin(flight.size());
  EXPECT_TRUE(refused.is_open());
  EXPECT_TRUE(refused.takes("MAIL FROM:<a@b.example>"));
  EXPECT_FALSE(refused.takes("RSET"));
  // All that had come with it is read: a client that waited says MAIL.
  EXPECT_FALSE(refused.takes("MAIL FROM:<a@b.example>"));
  refused.end();
  EXPECT_FALSE(refused.is_open());
}

TEST(RefusedData, TextThatBeginsLikeACommandIsContent) {
  RefusedData refused;
  refused.begin(0);
  for (const std::string_view line : {"Subject: hello", "data are enclosed", "mail me",
                                      "rcpt of it", "noop, really", "quit it", ""}) {
    EXPECT_TRUE(refused.takes(line)) << line;
  }
  for (const std::string_view line :
       {"DATA", "RCPT TO:<a@b.example>", "NOOP", "QUIT", "EHLO a.example", "BDAT 10 LAST"}) {
    EXPECT_FALSE(refused.takes(line)) << line;
  }
}

}  // namespace
}  // namespace sallyport::submission
