// What becomes of certificates on disk: good ones are taken, broken ones stay as they were, and
// each complaint names its file.
#include "proxy/server/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/server/certificate_directory.h"
#include "tests/support/certificates.h"

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest()
      : folder_(fs::temp_directory_path() / ("certificates." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    config_.tls.fallback = put("main", "main.example");
  }
  ~CertificatesTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }

  /// A pair for `name`, as `file`.crt and `file`.key.
  config::CertificateFiles put(const std::string& file, const std::string& name) {
    const auto identity = ca_.issue({.names = {name}});
    write(file + ".crt", identity.certificate);
    write(file + ".key", identity.key);
    return {.certificate = folder_ / (file + ".crt"), .key = folder_ / (file + ".key")};
  }

  /// Reads everything; what is wrong is in `problems_`.
  Certificates load(const Certificates* before = nullptr) {
    problems_.clear();
    std::vector<config::Problem> problems;
    Certificates loaded = load_certificates(config_, config::Outside::real(), before,
                                            std::chrono::system_clock::now(), problems);
    problems_ = texts(problems);
    return loaded;
  }

  /// Without the folder's name.
  std::vector<std::string> texts(const std::vector<config::Problem>& problems) const {
    std::vector<std::string> texts;
    for (const config::Problem& problem : problems) {
      std::string text = problem.str();
      for (auto at = text.find(folder_); at != std::string::npos; at = text.find(folder_)) {
        text.replace(at, folder_.native().size(), "DIR");
      }
      texts.push_back(text);
    }
    return texts;
  }

  static std::vector<std::string> names(const Certificates& certificates) {
    std::vector<std::string> names;
    for (const auto& pair : certificates.pairs) {
      names.push_back(pair.certificate->names().empty() ? "" : pair.certificate->names().front());
    }
    return names;
  }

  const fs::path folder_;
  const support::TestCa ca_;
  config::Config config_;
  std::vector<std::string> problems_;
};

TEST_F(CertificatesTest, ComeInTheOrderOfTheirPrecedence) {
  config_.tls.pairs = {put("z", "z.example"), put("a", "a.example")};
  config_.tls.directory = folder_ / "certs";
  put("certs/m", "m.example");
  put("certs/b/tls", "b.example");
  EXPECT_THAT(names(load()),
              ElementsAre("main.example", "z.example", "a.example", "b.example", "m.example"));
  EXPECT_THAT(problems_, IsEmpty());
  const net::TicketKeys keys;
  EXPECT_TRUE(make_context(load(), config_.tls, keys).value());
}

TEST_F(CertificatesTest, WithoutTlsThereAreNone) {
  config_.tls = {};
  const Certificates none = load();
  EXPECT_THAT(none.pairs, IsEmpty());
  EXPECT_EQ(none.first_end(), WallTime::max());
  const net::TicketKeys keys;
  EXPECT_EQ(make_context(none, config_.tls, keys).value(), nullptr);
}

TEST_F(CertificatesTest, AtTheStartEveryBrokenPairIsAnError) {
  config_.tls.pairs = {put("z", "z.example"), put("y", "y.example")};
  config_.tls.directory = folder_ / "certs";
  config_.tls.client_ca = folder_ / "ca.pem";
  write("main.key", "nonsense");
  fs::remove(folder_ / "z.key");
  write("y.crt", ca_.issue({.names = {"192.0.2.1"}}).certificate);
  put("certs/half/tls", "half.example");
  fs::remove(folder_ / "certs/half/tls.crt");
  write("ca.pem", "no PEM");
  load();
  EXPECT_THAT(
      problems_,
      ElementsAre("DIR/main.crt: key: there is no private key in it: PEM with -----BEGIN PRIVATE "
                  "KEY----- is needed (the key is DIR/main.key)",
                  "DIR/z.key: cannot be read: No such file or directory",
                  "DIR/y.crt: the key does not belong to the first certificate (the key is "
                  "DIR/y.key)",
                  "DIR/certs/half/tls.crt: cannot be read: No such file or directory",
                  "DIR/ca.pem: there is no certificate in it: PEM with -----BEGIN "
                  "CERTIFICATE----- is needed"));
}

TEST_F(CertificatesTest, AFurtherOneNeedsANameToBeAskedFor) {
  const auto nameless = ca_.issue({.names = {"192.0.2.1"}});
  write("n.crt", nameless.certificate);
  write("n.key", nameless.key);
  const config::CertificateFiles files{.certificate = folder_ / "n.crt", .key = folder_ / "n.key"};
  config_.tls.pairs = {files};
  load();
  EXPECT_THAT(problems_, ElementsAre("DIR/n.crt: has no DNS name among its alternative names: no "
                                     "client could ask for it"));
  config_.tls.pairs.clear();
  config_.tls.fallback = files;
  load();
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(CertificatesTest, ABrokenOneStaysAsItWasAndTheOthersAreRenewed) {
  config_.tls.pairs = {put("z", "z.example")};
  config_.tls.directory = folder_ / "certs";
  put("certs/m", "m.example");
  const Certificates before = load();
  put("main", "renewed.example");
  write("z.crt", "half a fi");
  write("certs/m.key", "half a fi");
  put("certs/n", "n.example");
  put("certs/o", "o.example");
  write("certs/o.key", "");
  const Certificates after = load(&before);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(names(after), ElementsAre("renewed.example", "z.example", "m.example", "n.example"));
  EXPECT_EQ(after.pairs[1].certificate, before.pairs[1].certificate);
  EXPECT_EQ(after.pairs[2].certificate, before.pairs[2].certificate);
  const auto complaints = texts(after.complaints);
  ASSERT_EQ(complaints.size(), 3u);
  EXPECT_TRUE(complaints[0].starts_with("DIR/z.crt: certificate: ")) << complaints[0];
  EXPECT_TRUE(complaints[0].ends_with("; the certificate before stays in force")) << complaints[0];
  EXPECT_TRUE(complaints[1].starts_with("DIR/certs/m.crt: key: ")) << complaints[1];
  EXPECT_TRUE(complaints[2].starts_with("DIR/certs/o.crt: key: ")) << complaints[2];
  EXPECT_TRUE(complaints[2].ends_with("; it is left out")) << complaints[2];
  // It is tried again, and good now.
  put("z", "mended.example");
  EXPECT_EQ(names(load(&after))[1], "mended.example");
  // One that has gone is gone.
  fs::remove(folder_ / "certs/n.crt");
  EXPECT_THAT(names(load(&after)), ElementsAre("renewed.example", "mended.example", "m.example"));
}

TEST_F(CertificatesTest, ANewlyNamedPairMustBeGood) {
  const Certificates before = load();
  config_.tls.pairs = {put("z", "z.example")};
  write("z.key", "");
  load(&before);
  EXPECT_EQ(problems_.size(), 1u);
}

TEST_F(CertificatesTest, WhatBelongsToAFolderThatIsGoneStays) {
  config_.tls.directory = folder_ / "certs";
  put("certs/m", "m.example");
  const Certificates before = load();
  fs::remove_all(folder_ / "certs");
  const Certificates after = load(&before);
  EXPECT_THAT(names(after), ElementsAre("main.example", "m.example"));
  EXPECT_THAT(
      texts(after.complaints),
      ElementsAre("DIR/certs: cannot be listed: No such file or directory; its certificates "
                  "stay in force"));
  load();
  EXPECT_THAT(problems_, ElementsAre("DIR/certs: cannot be listed: No such file or directory"));
}

TEST_F(CertificatesTest, BrokenAuthoritiesStayAsTheyWere) {
  config_.tls.client_ca = folder_ / "ca.pem";
  write("ca.pem", ca_.root());
  const Certificates before = load();
  EXPECT_EQ(before.client_ca, ca_.root());
  write("ca.pem", "");
  const Certificates after = load(&before);
  EXPECT_EQ(after.client_ca, ca_.root());
  EXPECT_THAT(texts(after.complaints),
              ElementsAre("DIR/ca.pem: there is no certificate in it: PEM with -----BEGIN "
                          "CERTIFICATE----- is needed; the authorities before stay in force"));
  fs::remove(folder_ / "ca.pem");
  EXPECT_THAT(texts(load(&after).complaints),
              ElementsAre("DIR/ca.pem: cannot be read: No such file or directory; the authorities "
                          "before stay in force"));
}

TEST_F(CertificatesTest, NoOcspResponseKeepsACertificateFromBeingShown) {
  config_.tls.fallback.ocsp_response = folder_ / "main.ocsp";
  Certificates loaded = load();
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(names(loaded), ElementsAre("main.example"));
  EXPECT_THAT(texts(loaded.complaints),
              ElementsAre("DIR/main.ocsp: cannot be read: No such file or directory; no OCSP "
                          "response is stapled"));
  write("main.ocsp", "");
  EXPECT_THAT(texts(load().complaints), ElementsAre("DIR/main.ocsp: cannot be read: it is empty; "
                                                    "no OCSP response is stapled"));
  write("main.ocsp", "nonsense");
  EXPECT_THAT(texts(load().complaints), ElementsAre("DIR/main.ocsp: it is no OCSP response in DER; "
                                                    "no OCSP response is stapled"));
}

TEST_F(CertificatesTest, TheFirstToEndCounts) {
  const auto soon = ca_.issue({.names = {"soon.example"}, .valid_to = 48h});
  write("s.crt", soon.certificate);
  write("s.key", soon.key);
  config_.tls.pairs = {{.certificate = folder_ / "s.crt", .key = folder_ / "s.key"}};
  const Certificates loaded = load();
  const auto left = loaded.first_end() - std::chrono::system_clock::now();
  EXPECT_GT(left, 47h);
  EXPECT_LE(left, 48h);
  EXPECT_EQ(loaded.first_response_end(), WallTime::max());
}

TEST_F(CertificatesTest, ADirectoryIsReadAsKubernetesMountsIt) {
  const auto in = [this](const std::string& name) { return (folder_ / "certs" / name).native(); };
  put("certs/..2026_11_24/tls", "one.example");
  fs::create_directory_symlink("..2026_11_24", folder_ / "certs/..data");
  fs::create_symlink("..data/tls.crt", folder_ / "certs/tls.crt");
  fs::create_symlink("..data/tls.key", folder_ / "certs/tls.key");
  put("certs/second/tls", "two.example");
  write("certs/second/tls.ocsp", "");
  write("certs/second/ca.crt", ca_.root());
  write("certs/ca.crt", ca_.root());
  write("certs/empty/notes.txt", "");
  write("certs/lonely.key", "");
  put("certs/third", "three.example");
  write("certs/third.ocsp", "");
  put("certs/.hidden", "hidden.example");
  const auto found = certificates_in(folder_ / "certs");
  ASSERT_TRUE(found);
  EXPECT_THAT(
      *found,
      ElementsAre(config::CertificateFiles{in("second/tls.crt"), in("second/tls.key"),
                                           in("second/tls.ocsp")},
                  config::CertificateFiles{in("third.crt"), in("third.key"), in("third.ocsp")},
                  config::CertificateFiles{in("tls.crt"), in("tls.key"), ""}));
  EXPECT_EQ(certificates_in(folder_ / "nowhere").error().text, "No such file or directory");
}

}  // namespace
}  // namespace sallyport::server
