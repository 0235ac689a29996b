#include "proxy/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config {
namespace {

using testing::ElementsAre;

TEST(Load, TheExampleOfTheDesignLoadsWhole) {
  const auto config =
      load(SALLYPORT_SOURCE_DIR "/tests/unit/config/example.toml",
           {.read_file = Outside::real().read_file,
            .environment = [](const std::string&) { return std::optional<std::string>("x"); },
            .readable = [](const std::string&) { return Result<void>(); }});
  if (!config)
    for (const auto& p : config.error()) ADD_FAILURE() << p.str();
}

}  // namespace
}  // namespace sallyport::config
