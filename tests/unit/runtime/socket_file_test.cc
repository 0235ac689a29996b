#include "proxy/runtime/socket_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace sallyport::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class SocketFileTest : public testing::Test {
 protected:
  SocketFileTest() {
    std::string name = fs::temp_directory_path() / "sallyport-socket.XXXXXX";
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "admin.sock";
  }
  ~SocketFileTest() override { fs::remove_all(folder_); }

  /// What a process leaves that was killed: the file of a socket that is closed.
  void leave_stale() {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(descriptor);
  }

  Loop loop_;
  fs::path folder_;
  fs::path path_;
};

TEST_F(SocketFileTest, OnlyItsOwnerMayOpenIt) {
  const auto listening = listen_on_file(loop_, path_);
  ASSERT_TRUE(listening) << listening.error().text;
  struct stat there{};
  ASSERT_EQ(::lstat(path_.c_str(), &there), 0);
  EXPECT_TRUE(S_ISSOCK(there.st_mode));
  EXPECT_EQ(there.st_mode & 0777, 0600u);
  EXPECT_EQ(listening->file.path(), path_);
}

TEST_F(SocketFileTest, IsRemovedAtTheEnd) {
  {
    ASSERT_TRUE(listen_on_file(loop_, path_));
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(SocketFileTest, OneThatADeadProcessLeftIsReplaced) {
  leave_stale();
  EXPECT_EQ(listener_at(path_), std::nullopt);
  const auto listening = listen_on_file(loop_, path_);
  ASSERT_TRUE(listening) << listening.error().text;
  EXPECT_TRUE(listener_at(path_));
}

TEST_F(SocketFileTest, ASecondProcessHearsWhoListensThere) {
  const auto first = listen_on_file(loop_, path_);
  ASSERT_TRUE(first);
  const auto second = listen_on_file(loop_, path_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text,
              HasSubstr("process " + std::to_string(::getpid()) + " (test_unit.runti"));
  EXPECT_THAT(second.error().text, EndsWith("listens there"));
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(SocketFileTest, WhatIsNoSocketStays) {
  std::ofstream(path_) << "precious";
  const auto listening = listen_on_file(loop_, path_);
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().text, EndsWith("there is a file that is no socket"));
  EXPECT_EQ(fs::file_size(path_), 8u);
}

TEST_F(SocketFileTest, AMissingFolderIsNamed) {
  const auto listening = listen_on_file(loop_, folder_ / "missing" / "admin.sock");
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().text,
              EndsWith("its folder cannot be opened: No such file or directory"));
}

TEST_F(SocketFileTest, AnotherProcessesSocketIsNotRemoved) {
  auto first = listen_on_file(loop_, path_);
  ASSERT_TRUE(first);
  fs::remove(path_);
  const auto second = listen_on_file(loop_, path_);
  ASSERT_TRUE(second);
  first->file.remove();
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(SocketFileTest, OfSeveralThatBeginTogetherOneListens) {
  leave_stale();
  constexpr std::size_t kCount = 8;
  std::array<Loop, kCount> loops;
  std::array<Result<ListeningFile>, kCount> results;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kCount; ++i) {
    threads.emplace_back([&, i] { results[i] = listen_on_file(loops[i], path_); });
  }
  for (std::thread& thread : threads) thread.join();
  int succeeded = 0;
  for (const auto& result : results) succeeded += result.has_value() ? 1 : 0;
  EXPECT_EQ(succeeded, 1);
}

}  // namespace
}  // namespace sallyport::runtime
