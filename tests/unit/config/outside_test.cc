// The real files, environment and name of this machine.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/config/load.h"

namespace sallyport::config {
namespace {

class RealOutside : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "sallyport-config-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder.data()));
    folder_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) {
    std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::filesystem::path folder_;
  const Outside outside_ = Outside::real();
};

TEST_F(RealOutside, ReadsFilesWhole) {
  const std::string content = std::string(100'000, 'x') + std::string("\0\r\n", 3);
  const auto read = outside_.read_file(write("file", content));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, content);
  EXPECT_TRUE(outside_.readable(write("other", "")));
}

TEST_F(RealOutside, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(outside_.read_file(folder_ / "lost"),
            fail(ErrorCode::kSystem, "No such file or directory"));
  EXPECT_EQ(outside_.readable(folder_ / "lost"),
            fail(ErrorCode::kSystem, "No such file or directory"));
  EXPECT_EQ(outside_.read_file(folder_), fail(ErrorCode::kSystem, "Is a directory"));
  EXPECT_EQ(outside_.readable(folder_), fail(ErrorCode::kSystem, "Is a directory"));
  EXPECT_EQ(outside_.read_file("/dev/zero"), fail(ErrorCode::kLimit, "it is larger than 16 MiB"));
}

TEST_F(RealOutside, SaysWhyNoFileCanBeMadeInAFolder) {
  EXPECT_TRUE(outside_.writable(folder_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "what was tried is not left behind";
  EXPECT_EQ(outside_.writable(folder_ / "lost"),
            fail(ErrorCode::kSystem, "No such file or directory"));
  EXPECT_EQ(outside_.writable(write("file", "")), fail(ErrorCode::kSystem, "Not a directory"));
  EXPECT_FALSE(outside_.writable("/proc")) << "whoever runs the test can make no file there";
}

TEST_F(RealOutside, SaysWhyAFolderCannotBeMade) {
  EXPECT_TRUE(outside_.makeable(folder_));
  EXPECT_TRUE(outside_.makeable(folder_ / "not" / "there"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "what was tried is not left behind";
  const std::filesystem::path file = write("file", "");
  EXPECT_EQ(outside_.makeable(file), fail(ErrorCode::kSystem, "Not a directory"));
  EXPECT_FALSE(outside_.makeable(file / "below"));
  EXPECT_FALSE(outside_.makeable("/proc/mail"));
}

TEST_F(RealOutside, KnowsTheEnvironment) {
  ASSERT_EQ(setenv("SALLYPORT_CONFIG_TEST", "value", 1), 0);
  EXPECT_EQ(outside_.environment("SALLYPORT_CONFIG_TEST"), "value");
  ASSERT_EQ(unsetenv("SALLYPORT_CONFIG_TEST"), 0);
  EXPECT_EQ(outside_.environment("SALLYPORT_CONFIG_TEST"), std::nullopt);
}

TEST_F(RealOutside, KnowsTheMachinesName) { EXPECT_NE(outside_.host_name().value_or(""), ""); }

TEST_F(RealOutside, LoadsAConfigWithTheFilesBesideIt) {
  write("users.toml", "");
  write("password", "hunter2\n");
  const std::string path = write("sallyport.toml",
                                 "hostname = 'mail.example.com'\n"
                                 "[[listener]]\naddress = '127.0.0.1:2525'\ntls = 'none'\n"
                                 "[auth]\nfile = 'users.toml'\n"
                                 "[[upstream]]\nname = 'a'\nprovider = 'sendgrid'\n"
                                 "password = { file = 'password' }\n");
  const auto config = load(path, outside_);
  if (!config) {
    for (const Problem& problem : config.error()) ADD_FAILURE() << problem.str();
    return;
  }
  EXPECT_EQ(config->file, path);
  EXPECT_EQ(config->auth.file, folder_ / "users.toml");
  EXPECT_EQ(config->upstreams.at(0).password.reveal(), "hunter2");
}

TEST_F(RealOutside, SaysWhyAConfigCannotBeRead) {
  const auto config = load(folder_ / "lost.toml", outside_);
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 1u);
  EXPECT_EQ(config.error()[0].str(), (folder_ / "lost.toml").string() +
                                         ": cannot be read: No such file or directory; expected a "
                                         "configuration file");
}

}  // namespace
}  // namespace sallyport::config
