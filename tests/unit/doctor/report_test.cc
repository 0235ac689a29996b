#include "proxy/doctor/report.h"

#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

Report example() {
  Report report;
  Subject upstream(report, "upstream ses");
  upstream.ok("DNS", "mail.example is 192.0.2.1");
  upstream.fault("AUTH", "535 no \"way\"\x1b[2J", "check username and password");
  Subject domain(report, "domain example.com");
  domain.warning("DMARC", "there is no record", "add one");
  domain.note("TLS-RPT", "there is none");
  return report;
}

TEST(Report, IsReadable) {
  EXPECT_EQ(example().text(),
            "upstream ses\n"
            "  ok       DNS       mail.example is 192.0.2.1\n"
            "  fault    AUTH      535 no \"way\"?[2J\n"
            "                     -> check username and password\n"
            "\n"
            "domain example.com\n"
            "  warning  DMARC     there is no record\n"
            "                     -> add one\n"
            "  note     TLS-RPT   there is none\n"
            "\n"
            "1 fault, 1 warning\n");
  EXPECT_EQ(Report().text(), "\n0 faults, 0 warnings\n");
}

TEST(Report, IsJson) {
  EXPECT_EQ(example().json(),
            R"({"faults":1,"warnings":1,"findings":[)"
            R"({"weight":"ok","subject":"upstream ses","check":"DNS",)"
            R"("what":"mail.example is 192.0.2.1","advice":""},)"
            R"({"weight":"fault","subject":"upstream ses","check":"AUTH",)"
            R"("what":"535 no \"way\"\u001b[2J","advice":"check username and password"},)"
            R"({"weight":"warning","subject":"domain example.com","check":"DMARC",)"
            R"("what":"there is no record","advice":"add one"},)"
            R"({"weight":"note","subject":"domain example.com","check":"TLS-RPT",)"
            R"("what":"there is none","advice":""}]})"
            "\n");
}

}  // namespace
}  // namespace sallyport::doctor
