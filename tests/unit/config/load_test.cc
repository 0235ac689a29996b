#include "proxy/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config {
namespace {

TEST(Load, TheExampleOfTheDesignLoadsWhole) {
  const std::string path = SALLYPORT_SOURCE_DIR "/tests/unit/config/example.toml";
  const auto text = Outside::real().read_file(path);
  ASSERT_TRUE(text);
  const Outside outside{
      .read_file = [](const std::string&) { return Result<std::string>("hunter2\n"); },
      .environment = [](const std::string&) { return std::optional<std::string>("hunter2"); }};
  const auto config = parse(*text, path, outside);
  if (!config) {
    for (const auto& p : config.error()) ADD_FAILURE() << p.str();
  }
}

}  // namespace
}  // namespace sallyport::config
