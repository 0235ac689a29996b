#include "proxy/smtp/extensions.h"

#include <gtest/gtest.h>

namespace sallyport::smtp {
namespace {

using enum Extension;

TEST(Extension, HasItsKeyword) {
  for (auto i = 0; i <= static_cast<int>(kLimits); ++i) {
    const auto extension = static_cast<Extension>(i);
    EXPECT_FALSE(keyword(extension).empty()) << i;
    EXPECT_EQ(extension_named(keyword(extension)), extension);
    EXPECT_TRUE(ExtensionSet::all().has(extension));
  }
  EXPECT_EQ(extension_named("mt-Priority"), kMtPriority);
  EXPECT_EQ(extension_named("XCLIENT"), std::nullopt);
  EXPECT_EQ(extension_named(""), std::nullopt);
}

TEST(ExtensionSet, HoldsWhatWasPutIn) {
  ExtensionSet set{kSize, kDsn};
  EXPECT_TRUE(set.has(kSize) && set.has(kDsn) && !set.has(kAuth));
  EXPECT_TRUE(set.has_any_of({kAuth, kDsn}));
  EXPECT_FALSE(set.has_any_of({kAuth, kLimits}));
  EXPECT_FALSE(set.has_any_of({}));
  EXPECT_EQ((set & ExtensionSet{kDsn, kAuth}), ExtensionSet{kDsn});
  set.erase(kDsn);
  EXPECT_EQ(set, ExtensionSet{kSize});
}

// RFC 3030 section 3, RFC 6531 section 3.1.
TEST(ExtensionSet, KnowsWhatCannotDoWithoutAnother) {
  ExtensionSet set = ExtensionSet::all();
  set.erase_with_dependents(kBinarymime);
  EXPECT_TRUE(set.has(kChunking));
  set = ExtensionSet::all();
  set.erase_with_dependents(kChunking);
  EXPECT_FALSE(set.has(kBinarymime));
  EXPECT_TRUE(set.has(kSmtputf8));
  set.erase_with_dependents(k8bitmime);
  EXPECT_FALSE(set.has(kSmtputf8));
  set = ExtensionSet::all();
  set.erase_with_dependents(k8bitmime);
  EXPECT_FALSE(set.has(kBinarymime));
}

}  // namespace
}  // namespace sallyport::smtp
