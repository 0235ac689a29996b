#include "tests/transcripts/providers.h"

#include <fmt/format.h>

#include <utility>

namespace sallyport::transcripts {
namespace {

using runtime::Task;

/// The server's side of a connection, by lines.
class Lines {
 public:
  explicit Lines(runtime::ByteStream& stream) : stream_(stream) {}

  Task<Result<std::string>> next() {
    std::size_t end = 0;
    while ((end = received_.find("\r\n")) == received_.npos) {
      const auto octets = co_await stream_.read(kNever);
      if (!octets) co_return fail(octets.error());
      received_ += *octets;
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    co_return line;
  }

 private:
  runtime::ByteStream& stream_;
  std::string received_;
};

/// What a provider that takes everything says to a command.
std::string_view answer(std::string_view line) {
  if (line.starts_with("EHLO")) {
    return "250-smtp.provider.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n";
  }
  if (line.starts_with("AUTH")) return "235 2.7.0 ok\r\n";
  if (line == "DATA") return "354 go on\r\n";
  if (line == "QUIT") return "221 2.0.0 bye\r\n";
  return "250 2.0.0 ok\r\n";
}

}  // namespace

class Providers::ScriptDialer final : public relay::Dialer {
 public:
  ScriptDialer(Providers& providers, std::string upstream)
      : providers_(providers), upstream_(std::move(upstream)) {}

  Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint) override {
    if (providers_.unreachable_.contains(upstream_)) {
      co_return fail(ErrorCode::kNetwork, "Connection refused");
    }
    auto [near, far] = support::MemoryStream::pair(providers_.loop_);
    if (providers_.scripted_) {
      providers_.dialled_.push_back({upstream_, std::move(far)});
    } else {
      providers_.tasks_.spawn(providers_.keep(std::move(far)));
    }
    co_return std::move(near);
  }

  Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint) override {
    if (providers_.untrusted_.contains(upstream_)) {
      co_return fail(ErrorCode::kTls, "the certificate is for another name");
    }
    co_return std::move(stream);
  }

 private:
  Providers& providers_;
  const std::string upstream_;
};

Providers::Providers(runtime::Loop& loop, bool scripted)
    : loop_(loop), scripted_(scripted), tasks_(loop) {}

relay::MakeDialer Providers::dialers() {
  return [this](runtime::Loop&, const config::Upstream& upstream,
                const relay::TlsFiles&) -> Result<std::unique_ptr<relay::Dialer>> {
    return std::make_unique<ScriptDialer>(*this, upstream.name);
  };
}

std::unique_ptr<support::MemoryStream> Providers::take(const std::string& upstream) {
  if (dialled_.empty() || dialled_.front().upstream != upstream) return nullptr;
  auto stream = std::move(dialled_.front().stream);
  dialled_.pop_front();
  return stream;
}

Task<void> Providers::join() {
  dialled_.clear();
  (void)co_await tasks_.join();
}

Task<void> Providers::keep(std::unique_ptr<support::MemoryStream> stream) {
  Lines lines(*stream);
  std::vector<std::string> message;
  bool in_content = false;
  (void)co_await stream->write("220 smtp.provider.example\r\n", kNever);
  while (true) {
    auto line = co_await lines.next();
    if (!line) co_return;
    if (in_content && *line != ".") {
      if (line->starts_with('.')) line->erase(0, 1);
      message.push_back(std::move(*line));
      continue;
    }
    std::string reply(answer(*line));
    if (in_content) {
      messages_.push_back(std::exchange(message, {}));
      reply = fmt::format("250 2.0.0 queued as {}\r\n", messages_.size());
    }
    in_content = *line == "DATA";
    if (line->starts_with("MAIL")) message.clear();
    if (line->starts_with("MAIL") || line->starts_with("RCPT")) message.push_back(*line);
    const auto sent = co_await stream->write(reply, kNever);
    if (!sent) co_return;
  }
}

}  // namespace sallyport::transcripts
