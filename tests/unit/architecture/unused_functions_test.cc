// docs/security.md: faults of the BoringSSL snapshot that can't be reached because these are not
// used.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

namespace fs = std::filesystem;

constexpr const char* kUnused[] = {
    "X509_V_FLAG_CRL_CHECK",
    "X509_STORE_add_crl",
    "X509_STORE_CTX_set0_crls",
    "X509_V_FLAG_POLICY_CHECK",
    "X509_V_FLAG_EXPLICIT_POLICY",
    "X509_V_FLAG_INHIBIT_",
    "X509_VERIFY_PARAM_set1_policies",
    "X509_VERIFY_PARAM_add0_policy",
    "SSL_select_next_proto",
    "_set_alpn",
    "GENERAL_NAME_cmp",
};

TEST(UnusedFunctions, AreCalledNowhere) {
  std::size_t files = 0;
  for (const char* top : {"proxy", "auth", "metrics"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(SALLYPORT_SOURCE_DIR) / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      ++files;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (const char* unused : kUnused) {
        EXPECT_EQ(text.find(unused), std::string::npos)
            << entry.path() << " uses " << unused << ": docs/security.md says that nothing does";
      }
    }
  }
  EXPECT_GT(files, 100u);
}

}  // namespace
