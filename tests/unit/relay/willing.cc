#include "tests/unit/relay/willing.h"

#include <string>
#include <utility>

#include "proxy/runtime/event.h"
#include "tests/support/memory_stream.h"

namespace sallyport::relay {
namespace {

using runtime::ByteStream;
using runtime::Loop;
using runtime::Task;

/// One connection.
class Server {
 public:
  Server(Loop& loop, std::unique_ptr<support::MemoryStream> stream, Count& count,
         const Manner& manner)
      : loop_(loop), stream_(std::move(stream)), count_(count), manner_(manner) {}

  static Task<void> serve(Loop& loop, std::unique_ptr<support::MemoryStream> stream, Count& count,
                          const Manner& manner) {
    Server server(loop, std::move(stream), count, manner);
    co_await server.run();
  }

 private:
  Task<void> run() {
    const int open = ++count_.open;
    if (open > manner_.most_connections) {
      --count_.open;
      co_await late();
      (void)co_await stream_->write(std::string(manner_.too_many) + "\r\n", kNever);
      co_return;
    }
    for (int most = count_.most; open > most;) {
      if (count_.most.compare_exchange_weak(most, open)) break;
    }
    bool goes_on = co_await answer("220 up\r\n", false);
    while (goes_on) {
      const auto octets = co_await stream_->read(kNever);
      if (!octets) break;
      received_ += *octets;
      goes_on = co_await take();
    }
    if (!has_left_) --count_.open;
  }

  Task<bool> take() {
    std::string replies;
    bool has_verdict = false;
    for (auto end = received_.find("\r\n"); end != received_.npos; end = received_.find("\r\n")) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      if (in_content_) {
        in_content_ = line != ".";
        if (in_content_) continue;
        ++count_.messages;
        has_verdict = true;
        replies += "250 2.0.0 Ok\r\n";
      } else if (line.starts_with("EHLO")) {
        replies += "250-up\r\n250 PIPELINING\r\n";
      } else if (line == "DATA") {
        in_content_ = true;
        replies += "354 Go on\r\n";
      } else if (line == "QUIT") {
        // Our slot may be another's as soon as we hang up.
        --count_.open;
        has_left_ = true;
        replies += "221 2.0.0 Bye\r\n";
      } else {
        replies += "250 2.0.0 Ok\r\n";
      }
    }
    if (replies.empty()) co_return true;
    co_return co_await answer(std::move(replies), has_verdict) && !has_left_;
  }

  Task<bool> answer(std::string replies, bool has_verdict) {
    co_await late();
    if (!has_verdict && manner_.resets()) {
      stream_->abort();
      co_return false;
    }
    co_return (co_await stream_->write(replies, kNever)).has_value();
  }

  Task<void> late() {
    runtime::Event never(loop_);
    (void)co_await never.wait(loop_.after(manner_.late));
  }

  Loop& loop_;
  const std::unique_ptr<support::MemoryStream> stream_;
  Count& count_;
  const Manner& manner_;
  std::string received_;
  bool in_content_ = false;
  bool has_left_ = false;
};

class WillingDialer final : public Dialer {
 public:
  WillingDialer(Loop& loop, runtime::TaskGroup& group, Count& count, const Manner& manner)
      : loop_(loop), group_(group), count_(count), manner_(manner) {}

  Task<Result<std::unique_ptr<ByteStream>>> connect(TimePoint /*deadline*/) override {
    auto [ours, theirs] = support::MemoryStream::pair(loop_);
    ++count_.opened;
    group_.spawn(Server::serve(loop_, std::move(theirs), count_, manner_));
    co_return std::move(ours);
  }
  Task<Result<std::unique_ptr<ByteStream>>> secure(std::unique_ptr<ByteStream> stream,
                                                   TimePoint /*deadline*/) override {
    co_return std::move(stream);
  }

 private:
  Loop& loop_;
  runtime::TaskGroup& group_;
  Count& count_;
  const Manner& manner_;
};

}  // namespace

std::unique_ptr<Dialer> dial_willing(Loop& loop, runtime::TaskGroup& group, Count& count,
                                     const Manner& manner) {
  return std::make_unique<WillingDialer>(loop, group, count, manner);
}

}  // namespace sallyport::relay
