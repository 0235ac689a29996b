#include "proxy/server/file_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sallyport::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest()
      : folder_(fs::temp_directory_path() / ("file_watch." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~FileWatchTest() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  fs::path folder_;
  FileWatch watch_;
};

TEST_F(FileWatchTest, ReportsAChangeOnce) {
  const std::string file = write("tls.crt", "one");
  watch_.watch({file, ""});
  EXPECT_THAT(watch_.changed(), IsEmpty());
  write("tls.crt", "three");
  EXPECT_THAT(watch_.changed(), ElementsAre(file));
  EXPECT_THAT(watch_.changed(), IsEmpty());
}

TEST_F(FileWatchTest, SeesThroughTheSymlinkSwapOfAKubernetesSecret) {
  write("v1/tls.crt", "same size");
  write("v2/tls.crt", "size same");
  fs::create_directory_symlink("v1", folder_ / "..data");
  fs::create_symlink("..data/tls.crt", folder_ / "tls.crt");
  const std::string file = folder_ / "tls.crt";
  watch_.watch({file});
  fs::create_directory_symlink("v2", folder_ / "..data_tmp");
  fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  EXPECT_THAT(watch_.changed(), ElementsAre(file));
}

TEST_F(FileWatchTest, AFileThatIsGoneIsReportedWhenItIsBack) {
  const std::string file = write("users.toml", "old");
  watch_.watch({file});
  fs::remove(file);
  EXPECT_THAT(watch_.changed(), IsEmpty());
  write("users.toml", "newer");
  EXPECT_THAT(watch_.changed(), ElementsAre(file));
}

TEST_F(FileWatchTest, AFolderIsDifferentWhenSomethingInItIs) {
  write("certs/a.crt", "one");
  write("certs/b/..2026_11_24/tls.crt", "same size");
  write("certs/b/..2026_11_25/tls.crt", "size same");
  fs::create_directory_symlink("..2026_11_24", folder_ / "certs/b/..data");
  fs::create_symlink("..data/tls.crt", folder_ / "certs/b/tls.crt");
  const std::string folder = folder_ / "certs";
  watch_.watch({folder});
  EXPECT_THAT(watch_.changed(), IsEmpty());
  write("certs/a.crt", "three");
  EXPECT_THAT(watch_.changed(), ElementsAre(folder));
  EXPECT_THAT(watch_.changed(), IsEmpty());
  write("certs/c.crt", "new");
  EXPECT_THAT(watch_.changed(), ElementsAre(folder));
  fs::create_directory_symlink("..2026_11_25", folder_ / "certs/b/..data_tmp");
  EXPECT_THAT(watch_.changed(), IsEmpty());
  fs::rename(folder_ / "certs/b/..data_tmp", folder_ / "certs/b/..data");
  EXPECT_THAT(watch_.changed(), ElementsAre(folder));
  fs::rename(folder_ / "certs/c.crt", folder_ / "certs/d.crt");
  EXPECT_THAT(watch_.changed(), ElementsAre(folder));
  fs::remove_all(folder_ / "certs/b");
  EXPECT_THAT(watch_.changed(), ElementsAre(folder));
  EXPECT_THAT(watch_.changed(), IsEmpty());
}

TEST_F(FileWatchTest, WhatChangedBeforeItWasWatchedAgainIsStillReported) {
  const std::string file = write("tls.crt", "one");
  const std::string other = write("tls.key", "one");
  watch_.watch({file});
  write("tls.crt", "three");
  watch_.watch({file, other});
  EXPECT_THAT(watch_.changed(), ElementsAre(file));
}

}  // namespace
}  // namespace sallyport::server
