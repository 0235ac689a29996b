#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "proxy/relay/maildir.h"
#include "tests/unit/relay/world.h"

namespace sallyport::relay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "sallyport-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

std::string content_of(const fs::path& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return content.str();
}

config::Upstream capture(const fs::path& path) {
  config::Upstream made;
  made.name = "a";
  made.provider = config::built_in_provider("capture");
  made.path = path.string();
  return made;
}

TEST(Capture, KeepsTheMessageBelowItsEnvelope) {
  const Folder folder;
  const fs::path maildir = folder.path() / "deep" / "captured";  // made when missing
  World world({capture(maildir)});
  const Delivery delivery =
      world.deliver(world.message({"to@there.example", "too@there.example"}, ".dot\r\nlast"));
  EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  const auto files = files_in(maildir / "new");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(delivery.upstream_id, files[0].filename().string());
  EXPECT_EQ(delivery.reply.wire(), "250 2.0.0 Ok: captured as " + delivery.upstream_id + "\r\n");
  EXPECT_EQ(content_of(files[0]),
            "Return-Path: <from@here.example>\r\nDelivered-To: to@there.example\r\n"
            "Delivered-To: too@there.example\r\n.dot\r\nlast");
  EXPECT_TRUE(files_in(maildir / "tmp").empty());
  EXPECT_TRUE(fs::is_directory(maildir / "cur"));
}

TEST(Capture, ABodyInAFileIsKeptWhole) {
  const Folder folder;
  World world({capture(folder.path())});
  world.storage.memory_threshold = 1000;
  std::string content;
  for (int i = 0; content.size() < 700'000; ++i) content += std::to_string(i) + "\r\n";
  message::Message message = world.message({"to@there.example"}, content);
  const auto spill = [](World& w, message::Message& m) -> runtime::Task<void> {
    while (m.body.flush_due()) EXPECT_TRUE(co_await m.body.flush(w.loop));
  };
  world.loop.run(spill(world, message));
  EXPECT_EQ(world.deliver(message).outcome, Outcome::kDelivered);
  const auto files = files_in(folder.path() / "new");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(content_of(files[0]).ends_with(content));
}

TEST(Capture, NamesAreUnique) {
  const Folder folder;
  World world({capture(folder.path())});
  std::vector<message::Message> messages;
  messages.reserve(50);
  for (int i = 0; i < 50; ++i) messages.push_back(world.message());
  for (const Delivery& delivery : world.deliver_all(messages)) {
    EXPECT_EQ(delivery.outcome, Outcome::kDelivered);
  }
  EXPECT_EQ(files_in(folder.path() / "new").size(), 50u);
}

TEST(Capture, SaysWhyItCant) {
  const Folder folder;
  std::ofstream(folder.path() / "file") << "x";
  World world({capture(folder.path() / "file")});  // no folder can be made below a file
  const Delivery delivery = world.deliver(world.message());
  EXPECT_EQ(delivery.outcome, Outcome::kDeferred);
  EXPECT_THAT(delivery.reply.wire(), StartsWith("451 4.3.0 "));
  EXPECT_THAT(delivery.upstream_reply, HasSubstr("/file"));
}

TEST(Maildir, WhatIsNotCommittedIsDeleted) {
  const Folder folder;
  {
    auto file = MaildirFile::create(folder.path().string(), "gw/ho:st");
    ASSERT_TRUE(file);
    EXPECT_THAT(file->name(), testing::EndsWith(".gw_ho_st"));
    const std::string_view piece = "half";
    EXPECT_TRUE(file->write(std::span(&piece, 1)));
    EXPECT_EQ(files_in(folder.path() / "tmp").size(), 1u);
  }
  EXPECT_TRUE(files_in(folder.path() / "tmp").empty());
  EXPECT_TRUE(files_in(folder.path() / "new").empty());
}

}  // namespace
}  // namespace sallyport::relay
