#include "tests/unit/relay/faulty_host.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/net/tls.h"
#include "proxy/runtime/event.h"
#include "tests/support/certificates.h"
#include "tests/support/memory_stream.h"

namespace sallyport::relay {
namespace {

using namespace std::chrono_literals;
using runtime::ByteStream;
using runtime::Task;

// Longer than every deadline of ours.
constexpr Duration kPatience = 24h;

/// One connection, as both ends see it.
struct Link {
  bool secured = false;
  bool handshake_fails = false;
};

/// The beginning of a handshake message that says it is longer.
constexpr std::string_view kHalfServerHello("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", 11);
/// handshake_failure, fatal.
constexpr std::string_view kAlertRecord("\x15\x03\x03\x00\x02\x02\x28", 7);

class Server {
 public:
  Server(FaultyHost& host, std::unique_ptr<ByteStream> stream, std::shared_ptr<Link> link)
      : host_(host), stream_(std::move(stream)), link_(std::move(link)), number_(host.dials) {
    ++host_.open;
    host_.streams[number_] = stream_.get();
  }
  ~Server() {
    --host_.open;
    host_.streams.erase(number_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  static Task<void> serve(FaultyHost& host, std::unique_ptr<ByteStream> stream,
                          std::shared_ptr<Link> link) {
    Server server(host, std::move(stream), std::move(link));
    co_await server.run();
  }

 private:
  TimePoint patience() const { return host_.loop.after(kPatience); }

  Task<void> run() {
    if (!host_.starttls && link_->handshake_fails) {
      co_await fail_handshake();
      co_return;
    }
    bool goes_on = co_await answer(At::kGreeting, "220 up.example\r\n") && co_await flush();
    while (goes_on) {
      const auto octets = co_await stream_->read(patience());
      if (!octets) co_return;
      received_ += *octets;
      came_together_ = std::ranges::count(received_, '\n') > 1;
      goes_on = co_await take_all() && co_await flush();
    }
  }

  /// False when the connection is over.
  Task<bool> take_all() {
    while (true) {
      if (chunk_) {
        if (received_.size() < *chunk_) {
          co_return received_.empty() || co_await content_goes_on();
        }
        const std::string taken = received_.substr(0, *chunk_);
        received_.erase(0, *chunk_);
        chunk_.reset();
        if (!co_await take_content(taken)) co_return false;
        continue;
      }
      if (in_content_) {
        const std::size_t end = received_.find("\r\n.\r\n");
        if (end == received_.npos) co_return received_.empty() || co_await content_goes_on();
        const std::string taken = received_.substr(0, end + 2);
        received_.erase(0, end + 5);
        in_content_ = false;
        if (!co_await take_content(taken)) co_return false;
        continue;
      }
      const std::size_t end = received_.find("\r\n");
      if (end == received_.npos) co_return true;
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      if (!co_await take(line)) co_return false;
    }
  }

  Task<bool> take(const std::string& line) {
    if (line == "QUIT") {
      replies_ += "221 2.0.0 Bye\r\n";
      (void)co_await flush();
      co_return false;
    }
    if (line.starts_with("EHLO")) co_return co_await take_ehlo();
    if (line == "STARTTLS") {
      if (!co_await answer(At::kStarttls, "220 Go ahead\r\n") || !co_await flush()) co_return false;
      if (!link_->handshake_fails) co_return true;
      co_await fail_handshake();
      co_return false;
    }
    if (line.starts_with("AUTH")) {
      if (!link_->secured) ++host_.credentials_in_clear;
      co_return co_await answer(At::kAuth, "235 2.7.0 Welcome\r\n");
    }
    if (line == "RSET") {
      forget();
      co_return co_await answer(At::kRset, "250 2.0.0 Ok\r\n");
    }
    if (line.starts_with("MAIL")) {
      forget();
      mail_ = !refuses(At::kMail);
      co_return co_await answer(At::kMail, "250 2.1.0 Ok\r\n");
    }
    if (line.starts_with("RCPT")) {
      if (!mail_) co_return say("503 5.5.1 MAIL first\r\n");
      if (!refuses(At::kRcpt)) ++recipients_;
      co_return co_await answer(At::kRcpt, "250 2.1.5 Ok\r\n");
    }
    if (line == "DATA") {
      if (recipients_ == 0) co_return say("554 5.5.1 No valid recipients\r\n");
      in_content_ = !refuses(At::kData);
      co_return co_await answer(At::kData, "354 Go on\r\n");
    }
    if (line.starts_with("BDAT ")) {
      ++host_.chunks;
      chunk_ = std::stoul(line.substr(5));
      co_return true;
    }
    co_return say("500 5.5.2 What?\r\n");
  }

  Task<bool> take_ehlo() {
    std::string reply = "250-up.example\r\n";
    if (host_.pipelining) reply += "250-PIPELINING\r\n";
    if (host_.chunking) reply += "250-BINARYMIME\r\n250-CHUNKING\r\n";
    if (host_.starttls && !link_->secured) {
      co_return co_await answer(At::kEhlo, reply + "250 STARTTLS\r\n");
    }
    co_return co_await answer(host_.starttls ? At::kSecondEhlo : At::kEhlo,
                              reply + "250 AUTH PLAIN LOGIN\r\n");
  }

  void forget() {
    mail_ = false;
    recipients_ = 0;
  }

  /// Some of the content is there, and more is to come.
  Task<bool> content_goes_on() {
    if (!host_.happens(At::kContent)) co_return true;
    if (!co_await misbehave(At::kContent, "")) co_return false;
    (void)co_await flush();
    co_return false;
  }

  /// The content came to its end.
  Task<bool> take_content(const std::string& content) {
    if (recipients_ == 0) co_return say("503 5.5.1 RCPT first\r\n");
    forget();
    const std::size_t end = content.find("\r\n");
    const std::string id = content.substr(0, end).substr(6);
    if (content.substr(std::min(end, content.size())) != host_.content) ++host_.broken_contents;
    Books& books = host_.books[id];
    ++books.ends;
    const bool faulty = host_.left > 0 && host_.at == At::kEnd;
    if (!faulty || host_.way == Way::kTwice) ++books.accepted;
    if (refuses(At::kEnd) || (faulty && host_.way == Way::k421)) ++books.refused;
    co_return co_await answer(At::kEnd, "250 2.0.0 Ok: queued as 4XYZ\r\n");
  }

  /// Will `answer` refuse the command?
  bool refuses(At at) const {
    return host_.left > 0 && host_.at == at &&
           (host_.way == Way::k4xx || host_.way == Way::k5xx || host_.way == Way::k421 ||
            host_.way == Way::kNonsense);
  }

  bool say(std::string_view reply) {
    replies_ += reply;
    return true;
  }

  Task<bool> flush() {
    const std::string replies = std::exchange(replies_, {});
    if (replies.empty()) co_return true;
    co_return (co_await stream_->write(replies, patience())).has_value();
  }

  Task<bool> answer(At at, const std::string& reply) {
    const bool breaks_pipelining =
        host_.way == Way::kLost || host_.way == Way::kThrowAway || host_.way == Way::kMerged;
    if (breaks_pipelining && !came_together_) co_return say(reply);
    if (!host_.happens(at)) co_return say(reply);
    co_return co_await misbehave(at, reply);
  }

  Task<bool> misbehave(At at, const std::string& reply) {
    switch (host_.way) {
      case Way::k4xx:
        co_return say("450 4.2.0 Later\r\n");
      case Way::k5xx:
        co_return say("550 5.7.1 Never\r\n");
      case Way::k421:
        say("421 4.3.2 Closing\r\n");
        break;
      case Way::kNonsense:
        co_return say("334 Go on\r\n");
      case Way::kTwice:
        co_return say(reply + reply);
      case Way::kLost:
        co_return true;
      case Way::kThrowAway:
        received_.clear();
        co_return say(reply);
      case Way::kMerged:
        received_.clear();
        forget();
        co_return say("500 5.5.2 Syntax error\r\n");
      case Way::kGarbage:
        say("HTTP/1.1 400 Bad Request\r\n");
        co_await be_silent();
        co_return false;
      case Way::kOverlong:
        say("250 " + std::string(100'000, 'x'));
        co_await be_silent();
        co_return false;
      case Way::kEndless:
        for (int i = 0; i < 2000; ++i) say("250-" + std::string(60, 'x') + "\r\n");
        co_await be_silent();
        co_return false;
      case Way::kHalf:
        say("25");
        co_await be_silent();
        co_return false;
      case Way::kHalfDrop:
      case Way::kHalfReset:
        say("25");
        break;
      case Way::kStall:
        co_await be_silent();
        co_return false;
      default:
        break;
    }
    (void)co_await flush();
    if (host_.way == Way::kReset || host_.way == Way::kHalfReset) {
      stream_->abort();
    } else if (at != At::kContent) {  // there, it does not read what is still to come
      co_await stream_->finish(patience());
    }
    co_return false;
  }

  /// Says what it has to say, and nothing more. It takes what it is sent, but for content.
  Task<void> be_silent() {
    (void)co_await flush();
    if (host_.at == At::kContent) {
      runtime::Event never(host_.loop);
      (void)co_await never.wait(host_.loop.after(1h));
      co_return;
    }
    while (co_await stream_->read(patience())) {
    }
  }

  /// Meets a real ClientHello.
  Task<void> fail_handshake() {
    (void)co_await stream_->read(patience());
    switch (host_.way) {
      case Way::kAlert:
        (void)co_await stream_->write(kAlertRecord, patience());
        break;
      case Way::kGarbage:
        (void)co_await stream_->write("554 5.7.0 No TLS here\r\n", patience());
        break;
      case Way::kHalf:
      case Way::kHalfDrop:
      case Way::kHalfReset:
        (void)co_await stream_->write(kHalfServerHello, patience());
        break;
      default:
        break;
    }
    if (host_.way == Way::kReset || host_.way == Way::kHalfReset) {
      stream_->abort();
    } else if (host_.way == Way::kStall || host_.way == Way::kHalf) {
      co_await be_silent();
    } else {
      co_await stream_->finish(patience());
    }
  }

  FaultyHost& host_;
  const std::unique_ptr<ByteStream> stream_;
  const std::shared_ptr<Link> link_;
  const int number_;
  std::string received_;
  std::string replies_;  // not yet said
  bool came_together_ = false;
  bool mail_ = false;
  int recipients_ = 0;
  bool in_content_ = false;
  std::optional<std::size_t> chunk_;
};

class FaultyDialer final : public Dialer {
 public:
  explicit FaultyDialer(FaultyHost& host) : host_(host) {}

  Task<Result<std::unique_ptr<ByteStream>>> connect(TimePoint deadline) override {
    ++host_.dials;
    if (host_.happens(At::kConnect)) {
      if (host_.way == Way::kRefuse) co_return fail(ErrorCode::kNetwork, "Connection refused");
      if (host_.way == Way::kUnresolved) co_return fail(ErrorCode::kNotFound, "name not known");
      runtime::Event never(host_.loop);
      (void)co_await never.wait(deadline);
      co_return fail(ErrorCode::kTimeout, "nobody answered");
    }
    auto [ours, theirs] = support::MemoryStream::pair(host_.loop, {.capacity = host_.capacity});
    link_ = std::make_shared<Link>();
    link_->handshake_fails = host_.happens(At::kHandshake);
    host_.servers.spawn(Server::serve(host_, std::move(theirs), link_));
    co_return std::move(ours);
  }

  Task<Result<std::unique_ptr<ByteStream>>> secure(std::unique_ptr<ByteStream> stream,
                                                   TimePoint deadline) override {
    if (!link_->handshake_fails) {
      link_->secured = true;
      co_return std::move(stream);
    }
    if (host_.way == Way::kWrongName) {
      co_return fail(ErrorCode::kTls, "the certificate is for another name");
    }
    static const support::TestCa ca;
    const auto context = net::ClientTlsContext::make(ca.root()).value();
    auto secured =
        co_await net::connect_tls(host_.loop, std::move(stream), *context, "a.example", deadline);
    if (!secured) co_return fail(std::move(secured.error()));
    co_return std::move(*secured);
  }

 private:
  FaultyHost& host_;
  std::shared_ptr<Link> link_;  // of the last connection
};

}  // namespace

std::string_view name(At at) {
  static constexpr std::string_view kNames[] = {
      "connect", "handshake", "greeting", "EHLO", "STARTTLS", "second EHLO", "AUTH",
      "RSET",    "MAIL",      "RCPT",     "DATA", "content",  "end"};
  return kNames[static_cast<std::size_t>(at)];
}

std::string_view name(Way way) {
  static constexpr std::string_view kNames[] = {
      "refuse", "unresolved", "wrong name",  "alert",   "4xx",  "5xx",        "421",
      "334",    "garbage",    "overlong",    "endless", "drop", "reset",      "stall",
      "half",   "half, drop", "half, reset", "twice",   "lost", "throw away", "merged"};
  return kNames[static_cast<std::size_t>(way)];
}

void FaultyHost::end_connections() {
  for (const auto& [number, stream] : streams) stream->interrupt();
}

std::unique_ptr<Dialer> dial_faulty(FaultyHost& host) {
  return std::make_unique<FaultyDialer>(host);
}

}  // namespace sallyport::relay
