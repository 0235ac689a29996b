#include "proxy/net/server_names.h"

#include <gtest/gtest.h>

namespace sallyport::net {
namespace {

TEST(CertificateName, IsWhatAClientCouldAskFor) {
  EXPECT_EQ(certificate_name("Mail.Example.COM"), "mail.example.com");
  EXPECT_EQ(certificate_name("mail.example.com."), "mail.example.com");
  EXPECT_EQ(certificate_name("*.Example.com"), "*.example.com");
  EXPECT_EQ(certificate_name("smtp_1"), "smtp_1");
  EXPECT_EQ(certificate_name("xn--bcher-kva.example"), "xn--bcher-kva.example");
  const std::string label(63, 'a');
  EXPECT_TRUE(certificate_name(label + ".example"));
  EXPECT_TRUE(certificate_name(label + '.' + label + '.' + label + '.' + std::string(61, 'a')));
  const std::string_view with_nul("mail.example.com\0.evil", 22);
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view("*"), std::string_view("*."),
        std::string_view("a..b"), std::string_view(".a"), std::string_view("f*.example.com"),
        std::string_view("*.*.example.com"), std::string_view("a.*.com"), std::string_view("a b"),
        std::string_view("b\xc3\xbc"), with_nul}) {
    EXPECT_FALSE(certificate_name(name)) << name;
  }
  EXPECT_FALSE(certificate_name(label + "a.example"));
  EXPECT_FALSE(certificate_name(label + '.' + label + '.' + label + '.' + std::string(62, 'a')));
}

class ServerNamesTest : public testing::Test {
 protected:
  ServerNamesTest() {
    names_.add("mail.example.com", true, 1);
    names_.add("*.example.com", true, 2);
    names_.add("*.example.com", false, 3);
    names_.add("localhost", false, 4);
  }

  /// The ECDSA certificate of a name, its RSA one, or 0.
  std::size_t found(std::string_view name) const {
    const Choice* choice = names_.find(name);
    return choice == nullptr ? 0 : choice->ecdsa.value_or(choice->rsa.value_or(0));
  }

  ServerNames names_;
};

TEST_F(ServerNamesTest, TheVeryNameBeatsTheWildcard) {
  EXPECT_EQ(found("mail.example.com"), 1u);
  EXPECT_EQ(found("smtp.example.com"), 2u);
  EXPECT_EQ(*names_.find("mail.example.com"), (Choice{.ecdsa = 1, .rsa = {}}));
  EXPECT_EQ(*names_.find("smtp.example.com"), (Choice{.ecdsa = 2, .rsa = 3}));
}

TEST_F(ServerNamesTest, AreFoundInAnyCaseAndWithTheRootsDot) {
  EXPECT_EQ(found("MAIL.example.Com"), 1u);
  EXPECT_EQ(found("mail.example.com."), 1u);
  EXPECT_EQ(found("Smtp.Example.com."), 2u);
  EXPECT_EQ(found("LOCALHOST"), 4u);
}

TEST_F(ServerNamesTest, AWildcardIsOneWholeLabel) {
  EXPECT_EQ(found("a.b.example.com"), 0u);
  EXPECT_EQ(found("example.com"), 0u);
  EXPECT_EQ(found(".example.com"), 0u);
  EXPECT_EQ(found("*.example.com"), 0u);
  EXPECT_EQ(found("*"), 0u);
}

TEST_F(ServerNamesTest, StrangeNamesAreNobodys) {
  for (const std::string_view name : {"", ".", "..", "example", "mail.example.com..", "mail"}) {
    EXPECT_EQ(found(name), 0u) << name;
  }
  EXPECT_EQ(found(std::string_view("mail.example.com\0", 17)), 0u);
  EXPECT_EQ(found(std::string(300, 'a')), 0u);
  EXPECT_EQ(found(std::string(240, 'a') + ".example.com"), 2u);
}

TEST_F(ServerNamesTest, WhoeverHasANameKeepsIt) {
  EXPECT_FALSE(names_.add("mail.example.com", true, 9));
  EXPECT_EQ(found("mail.example.com"), 1u);
  EXPECT_TRUE(names_.add("mail.example.com", false, 9));
  EXPECT_EQ(*names_.find("mail.example.com"), (Choice{.ecdsa = 1, .rsa = 9}));
  EXPECT_EQ(names_.choice("*.example.com"), (Choice{.ecdsa = 2, .rsa = 3}));
  EXPECT_EQ(names_.choice("nobody.example.com"), Choice{});
}

}  // namespace
}  // namespace sallyport::net
