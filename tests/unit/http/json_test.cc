#include "proxy/http/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::http {
namespace {

TEST(Json, GivesWhatIsThereInTheTypeThatIsAskedFor) {
  const auto json = Json::parse(
      R"({"a":"text","n":3600,"d":"3599","x":1.5,"l":[{"k":"1"},2,{"k":"2"}],"o":{"p":"q"}})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text("a"), "text");
  EXPECT_EQ(json->text("n"), std::nullopt);
  EXPECT_EQ(json->text("none"), std::nullopt);
  EXPECT_EQ(json->integer("n"), 3600);
  EXPECT_EQ(json->integer("d"), 3599);
  EXPECT_EQ(json->integer("a"), std::nullopt);
  EXPECT_EQ(json->integer("x"), std::nullopt);
  const auto objects = json->objects("l");
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[1].text("k"), "2");
  EXPECT_TRUE(json->objects("a").empty());
  const auto object = json->object("o");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->text("p"), "q");
}

TEST(Json, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("<html>"), std::string("{\"a\":1}x"), std::string("{\"a\":\"\xff\"}"),
        std::string("{\"a\":\0}", 7), "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}",
        std::string(100'000, '[')}) {
    const auto json = Json::parse(text);
    EXPECT_FALSE(json) << text.substr(0, 60);
    if (!json) {
      EXPECT_EQ(json.error().text, "it is no JSON object");
    }
  }
}

TEST(Json, QuotesWhatMustBe) {
  EXPECT_EQ(json_quoted("a\"b\\c\n"), R"("a\"b\\c\n")");
  EXPECT_EQ(json_quoted("\xff"), "\"\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace sallyport::http
