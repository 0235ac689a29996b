// The way of lines to a descriptor that is slow, full or gone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/log_writer.h"
#include "tests/support/log_lines.h"

namespace sallyport::log {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 20s;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) { EXPECT_GE(number, 0); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  operator int() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

/// A pipe of the least size. A test reads it when it likes, or never.
struct Pipe {
  explicit Pipe(int flags = 0) : Pipe(make(flags)) {}
  explicit Pipe(std::array<int, 2> ends) : reader(ends[0]), writer(ends[1]) {
    ::fcntl(writer, F_SETPIPE_SZ, 4096);
  }
  static std::array<int, 2> make(int flags) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), flags), 0);
    return ends;
  }

  Descriptor reader;
  Descriptor writer;
};

/// Reads to the end, in small pieces.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 700> piece;
  while (true) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count == 0 || (count < 0 && errno != EAGAIN)) return text;
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

std::vector<std::string> events(const std::string& text) {
  std::vector<std::string> events;
  EXPECT_EQ(support::fault_of_log(Format::kLogfmt, text), "");
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const auto line = support::parse_logfmt(rest.substr(0, end));
    if (line) events.push_back(support::value_of(*line, "event"));
    rest.remove_prefix(end + 1);
  }
  return events;
}

std::size_t count(const std::vector<std::string>& all, std::string_view event) {
  return static_cast<std::size_t>(std::ranges::count(all, event));
}

std::uint64_t sum(const CountByKind& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

bool wait_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(Logger, WritesEverythingBeforeItDies) {
  Pipe pipe;
  {
    Logger logger({.format = Format::kLogfmt, .least = Level::kInfo, .descriptor = pipe.writer});
    logger.write(Level::kDebug, "hidden", {});
    for (int i = 0; i < 10; ++i) logger.write(Level::kInfo, "shown", {{"n", i}});
  }
  pipe.writer.close();
  const std::string text = read_all(pipe.reader);
  EXPECT_EQ(std::ranges::count(text, '\n'), 10);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find("event=shown n=9\n"), std::string::npos);
}

TEST(Logger, LosesNothingToANonBlockingReaderThatIsSlow) {
  Pipe pipe(O_NONBLOCK);
  std::string text;
  {
    Logger logger({.descriptor = pipe.writer});
    for (int i = 0; i < 500; ++i) {
      logger.write(Level::kInfo, "e", {{"text", std::string(1500, 'x')}}, Kind::kTransaction);
    }
    std::ptrdiff_t lines = 0;
    while (lines < 500) {
      pollfd ready{.fd = pipe.reader, .events = POLLIN, .revents = 0};
      ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
      std::array<char, 700> piece;
      const ssize_t size = ::read(pipe.reader, piece.data(), piece.size());
      ASSERT_GT(size, 0);
      text.append(piece.data(), static_cast<std::size_t>(size));
      lines += std::count(piece.begin(), piece.begin() + size, '\n');
    }
    EXPECT_EQ(sum(logger.dropped()), 0u);
  }
  EXPECT_EQ(count(events(text), "e"), 500u);
}

TEST(Logger, CountsWhatHasNoRoomAndTellsOfIt) {
  Pipe pipe;
  std::string text;
  {
    Logger logger({.descriptor = pipe.writer, .most_buffered = 64 << 10});
    std::uint64_t written = 0;
    while (logger.dropped()[1] < 100) {
      logger.write(Level::kInfo, "e", {{"text", std::string(1000, 'x')}}, Kind::kTransaction);
      ++written;
    }
    const std::uint64_t arrived = written - logger.dropped()[1];
    std::thread reader([&] { text = read_all(pipe.reader); });
    ASSERT_TRUE(wait_until([&] {
      logger.write(Level::kInfo, "last", {});
      return logger.dropped()[0] == 0;
    }));
    EXPECT_EQ(logger.close(kPatience), 0u);
    pipe.writer.close();
    reader.join();
    const auto all = events(text);
    EXPECT_EQ(count(all, "e"), arrived);
    EXPECT_NE(text.find("event=log_lines_dropped process=0 transaction="), std::string::npos);
  }
}

TEST(Logger, AFloodOfStrangersPushesNoTransactionOut) {
  Pipe pipe;
  std::string text;
  Logger logger({.descriptor = pipe.writer, .most_buffered = 64 << 10});
  for (int i = 0; i < 10'000; ++i) {
    logger.write(Level::kWarning, "stranger", {{"n", i}}, Kind::kStranger);
  }
  for (int i = 0; i < 100; ++i) {
    logger.write(Level::kInfo, "transaction", {{"n", i}}, Kind::kTransaction);
  }
  const CountByKind dropped = logger.dropped();
  EXPECT_EQ(dropped[0], 0u);
  EXPECT_EQ(dropped[1], 0u);
  EXPECT_GT(dropped[2], 0u);
  std::thread reader([&] { text = read_all(pipe.reader); });
  EXPECT_EQ(logger.close(kPatience), 0u);
  pipe.writer.close();
  reader.join();
  EXPECT_EQ(count(events(text), "transaction"), 100u);
  EXPECT_EQ(count(events(text), "stranger"), 10'000u - dropped[2]);
}

TEST(Logger, AFloodOfTransactionsLeavesRoomForTheProcess) {
  Pipe pipe;
  Logger logger({.descriptor = pipe.writer, .most_buffered = 64 << 10});
  while (logger.dropped()[1] == 0) {
    logger.write(Level::kInfo, "transaction", {{"text", "x"}}, Kind::kTransaction);
  }
  logger.write(Level::kError, "fault", {});
  EXPECT_EQ(logger.dropped()[0], 0u);
  EXPECT_GT(logger.close(0ms), 0u);
}

TEST(Logger, ABlockedDescriptorDoesNotKeepItFromClosing) {
  for (const int flags : {0, O_NONBLOCK}) {
    Pipe pipe(flags);
    Logger logger({.descriptor = pipe.writer});
    for (int i = 0; i < 100; ++i) {
      logger.write(Level::kInfo, "e", {{"text", std::string(1000, 'x')}});
    }
    const auto begun = std::chrono::steady_clock::now();
    const std::uint64_t lost = logger.close(50ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
    EXPECT_GT(lost, 90u);
    EXPECT_EQ(lost, sum(logger.dropped()));
    logger.write(Level::kInfo, "late", {});
    EXPECT_EQ(sum(logger.dropped()), lost + 1);
  }
}

TEST(Logger, CountsWhatAFullDiskDoesNotTake) {
  const Descriptor full(::open("/dev/full", O_WRONLY));
  Logger logger({.descriptor = full});
  for (int i = 0; i < 10; ++i) logger.write(Level::kInfo, "e", {}, Kind::kTransaction);
  EXPECT_TRUE(wait_until([&] { return logger.dropped()[1] == 10; }));
  EXPECT_EQ(logger.close(kPatience), 0u);
}

TEST(Logger, CountsWhatNobodyReads) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.reader.close();
  Logger logger({.descriptor = pipe.writer});
  for (int i = 0; i < 10; ++i) logger.write(Level::kInfo, "e", {}, Kind::kStranger);
  EXPECT_TRUE(wait_until([&] { return logger.dropped()[2] == 10; }));
}

TEST(Logger, WithoutABufferDropsEveryLine) {
  Logger logger({.most_buffered = 0});
  logger.write(Level::kInfo, "dropped", {});
  logger.write(Level::kError, "dropped", {});
  logger.write(Level::kDebug, "below the least", {});
  EXPECT_EQ(logger.dropped()[0], 2u);
}

TEST(Logger, StampsLinesByItsClock) {
  const Logger logger(
      {.most_buffered = 0, .clock = [] { return WallTime(std::chrono::seconds(1767323045)); }});
  const std::string text = logger.line(Level::kInfo, "stamped").finish();
  EXPECT_TRUE(text.starts_with("time=2026-01-02T03:04:05.")) << text;
}

TEST(Logger, TakesANewFormatAndLevel) {
  Logger logger({.most_buffered = 0});
  EXPECT_FALSE(logger.enabled(Level::kDebug));
  logger.configure(Format::kJson, Level::kDebug);
  EXPECT_TRUE(logger.enabled(Level::kDebug));
  EXPECT_TRUE(logger.line(Level::kInfo, "e").finish().starts_with("{"));
}

/// A file that takes no more than so many octets, as a full disk does, until that is changed.
class SmallFile {
 public:
  SmallFile() : descriptor(::memfd_create("log", 0)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
  }
  ~SmallFile() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  SmallFile(const SmallFile&) = delete;
  SmallFile& operator=(const SmallFile&) = delete;

  void take_at_most(rlim_t octets) {
    rlimit limit = before_;
    limit.rlim_cur = octets;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  std::string text() const {
    ::lseek(descriptor, 0, SEEK_SET);
    return read_all(descriptor);
  }

  const Descriptor descriptor;

 private:
  rlimit before_{};
};

TEST(LineWriter, FinishesALineThatItBegan) {
  SmallFile file;
  const std::atomic<bool> abandoned = false;
  LineWriter writer(file.descriptor, abandoned);
  const std::string batch =
      std::string(59, 'a') + "\n" + std::string(59, 'b') + "\n" + std::string(59, 'c') + "\n";
  const std::array<LineSize, 3> lines{{{60, {}}, {60, {}}, {60, {}}}};
  file.take_at_most(100);
  // The second line was begun, the third is lost; and nothing more is while the disk is full.
  EXPECT_EQ(writer.write(batch, lines), 2u);
  EXPECT_EQ(writer.write(batch, lines), 0u);
  file.take_at_most(RLIM_INFINITY);
  const LineSize one{2, {}};
  EXPECT_EQ(writer.write("d\n", std::span(&one, 1)), 1u);
  EXPECT_EQ(file.text(), std::string(59, 'a') + "\n" + std::string(59, 'b') + "\n" + "d\n");
}

}  // namespace
}  // namespace sallyport::log
