#include "proxy/message/spill_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

namespace sallyport::message {
namespace {

class SpillFileTest : public ::testing::Test {
 protected:
  SpillFileTest() : directory_(::testing::TempDir() + "spill-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(directory_);
  }
  ~SpillFileTest() override { std::filesystem::remove_all(directory_); }

  const std::string directory_;
};

TEST_F(SpillFileTest, GivesBackWhatWasAppendedFromAnyPlace) {
  auto file = SpillFile::create(directory_);
  ASSERT_TRUE(file) << file.error().text;
  ASSERT_TRUE(file->append("hello, "));
  ASSERT_TRUE(file->append("world"));
  EXPECT_EQ(file->size(), 12u);
  std::array<char, 5> buffer;
  ASSERT_TRUE(file->read(7, buffer));
  EXPECT_EQ(std::string_view(buffer.data(), buffer.size()), "world");
  EXPECT_EQ(file->read(8, buffer).error().code, ErrorCode::kSystem);  // asks for more than there is
}

TEST_F(SpillFileTest, HasNoName) {
  const auto file = SpillFile::create(directory_);
  ASSERT_TRUE(file);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(SpillFileTest, NamesTheDirectoryThatIsMissing) {
  const auto file = SpillFile::create(directory_ + "/missing");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kSystem);
  EXPECT_TRUE(file.error().text.contains(directory_ + "/missing")) << file.error().text;
}

// A full file system needs root to make; a limit on file sizes ends a write in the same way.
TEST_F(SpillFileTest, AFullDiskIsALimitThatPasses) {
  auto file = SpillFile::create(directory_);
  ASSERT_TRUE(file);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto written = file->append(std::string(10'000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace sallyport::message
