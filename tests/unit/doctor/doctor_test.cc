#include "proxy/doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_name_server.h"

namespace sallyport::doctor {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class DoctorTest : public testing::Test {
 protected:
  DoctorTest() {
    config_.hostname = "gate.example.com";
    config_.upstreams.resize(2);
    config_.upstreams[0].name = "smarthost";
    config_.upstreams[0].host = "mail.test";
    config_.upstreams[0].port = 1;  // nobody listens there
    config_.upstreams[1].name = "kept";
    config_.upstreams[1].provider = config::built_in_provider("capture");
    config_.upstreams[1].path = "/var/mail";
    config_.routes.resize(1);
    config_.routes[0].upstreams = config::in_order({0, 1});
  }

  std::string examine_it(Question question = {}) {
    question.resolver = {.servers = server_.address(), .timeout = 100ms, .attempts = 2};
    const std::vector<relay::TlsFiles> files(config_.upstreams.size());
    return loop_.run(examine(loop_, config_, files, std::move(question))).text();
  }

  runtime::Loop loop_;
  support::FakeNameServer server_;
  config::Config config_;
};

TEST_F(DoctorTest, ANameThatDoesNotExistIsAFaultOfTheUpstream) {
  const std::string text = examine_it();
  EXPECT_THAT(text, HasSubstr("upstream smarthost\n"
                              "  fault    DNS       look up mail.test: the name does not exist\n"
                              "                     -> check host and region of the upstream\n"));
  EXPECT_THAT(text, HasSubstr("upstream kept\n"
                              "  note     capture   mail is kept in /var/mail and goes nowhere\n"));
  EXPECT_THAT(text, HasSubstr("-> name them with --domain\n"));
  EXPECT_THAT(text, HasSubstr("\n1 fault, 0 warnings\n"));
}

TEST_F(DoctorTest, AClosedPortIsAFault) {
  server_.set("mail.test", {.v4 = {"127.0.0.1"}});
  const std::string text = examine_it();
  EXPECT_THAT(text, HasSubstr("  ok       DNS       mail.test is 127.0.0.1\n"
                              "  fault    connect   connect to 127.0.0.1:1: Connection refused\n"
                              "                     -> let this machine out to one of the ports"));
}

TEST_F(DoctorTest, OneUpstreamAndOneDomainCanBeAskedFor) {
  server_.set("example.com", {.texts = {"v=spf1 -all"}});
  const std::string text = examine_it({.upstream = "kept", .domains = {"example.com"}});
  EXPECT_THAT(text, Not(HasSubstr("smarthost")));
  EXPECT_THAT(text, HasSubstr("domain example.com\n"
                              "  ok       SPF       v=spf1 -all (0 DNS lookups of 10)\n"));
}

}  // namespace
}  // namespace sallyport::doctor
