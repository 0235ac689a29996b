#include "proxy/base/base64.h"

#include <gtest/gtest.h>

namespace sallyport::base64 {
namespace {

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(encode(plain), text);
    EXPECT_EQ(decode(text), plain);
  }
}

TEST(Base64, CarriesEveryOctet) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(decode(encode(all)), all);
}

TEST(Base64, RefusesWhatIsNotExactlyBase64) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "Zm9v\n", "Zm 9",
                           "Zm9v=", "Zh==", "Zm9=", "Zg==Zg==", "=Zg=", "Zm_v"}) {
    EXPECT_EQ(decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sallyport::base64
