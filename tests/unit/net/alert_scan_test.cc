#include "proxy/net/alert_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::net {
namespace {

std::string record(char type, const std::string& content) {
  const auto size = static_cast<unsigned>(content.size());
  return std::string{type, 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 255)} +
         content;
}

const std::string kUnknownCa = record(21, "\x02\x30");

TEST(AlertScan, FindsAnAlertWhereverItStandsAndHoweverItArrives) {
  const std::string hello = record(22, std::string(517, 'h'));
  const std::string change = record(20, "\x01");
  for (const std::string& before : {std::string(), hello, hello + change, hello + record(23, "")}) {
    const std::string all = before + kUnknownCa;
    for (std::size_t split = 0; split <= all.size(); ++split) {
      AlertScan scan;
      scan.feed(all.substr(0, split));
      scan.feed(all.substr(split));
      EXPECT_EQ(scan.alert(), 48) << split;
    }
    AlertScan octet_by_octet;
    for (const char octet : all) octet_by_octet.feed({&octet, 1});
    EXPECT_EQ(octet_by_octet.alert(), 48);
  }
}

TEST(AlertScan, TakesNothingElseForOne) {
  for (const std::string& other :
       {record(22, "\x02\x30"), record(23, kUnknownCa), record(21, std::string(19, '0')),
        kUnknownCa.substr(0, 6), record(22, std::string(20, 'x')) + "\x15", std::string()}) {
    AlertScan scan;
    scan.feed(other);
    EXPECT_EQ(scan.alert(), std::nullopt);
  }
}

}  // namespace
}  // namespace sallyport::net
