// A hostile upstream: whatever it says, opening a connection and handing messages over ends, and
// the verdict is what the two streams of octets show to who reads them anew: accepted only after a
// 250 to a whole message, never said to have failed after the final dot left, and nothing but the
// message is ever ended as one.
//
// The first two octets say what is configured and sent; the rest is what the upstream says, and
// then it hangs up.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/relay/opening.h"
#include "proxy/relay/transaction.h"
#include "proxy/runtime/task_group.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memory_stream.h"

namespace sallyport::fuzz {
namespace {

using runtime::Task;
using namespace std::chrono_literals;

constexpr Duration kPatience = 30min;

struct Plan {
  unsigned how;
  unsigned what;

  bool chosen(unsigned bit) const { return (how >> bit & 1u) != 0; }
  bool sends(unsigned bit) const { return (what >> bit & 1u) != 0; }
};

std::string content_of(const Plan& plan) {
  std::string content = "Subject: x\r\n\r\n.\r\n..dots\r\n";
  if (plan.sends(0)) content += "gr\xc3\xbc\xc3\x9f\r\n";
  if (plan.sends(1)) content += "a\0b\nc\r\n.\r\n";
  if (plan.sends(2)) content += "no line end";
  return content;
}

/// What the upstream said, as replies: their codes, up to the first octets that are none.
std::vector<int> codes_of(std::string_view said) {
  std::vector<int> codes;
  while (true) {
    const std::size_t end = said.find("\r\n");
    if (end == said.npos || end < 3) return codes;
    const std::string_view line = said.substr(0, end);
    said.remove_prefix(end + 2);
    const bool goes_on = line.size() > 3 && line[3] == '-';
    if (!goes_on) codes.push_back(std::atoi(std::string(line.substr(0, 3)).c_str()));
  }
}

/// The client's octets taken apart by the letter of RFC 5321 and RFC 3030, each command with the
/// code of its reply; 0: none came.
struct Command {
  std::string line = {};
  std::string content = {};  // of what follows DATA or BDAT, as it was meant
  bool is_content = false;
  bool whole = true;
  int code = 0;
  std::size_t end = 0;  // in the client's octets
};

std::vector<Command> commands_of(const std::string_view all, const std::vector<int>& codes) {
  std::vector<Command> commands;
  std::string_view heard = all;
  const auto code_of_next = [&] {  // the first reply is the greeting
    const std::size_t at = commands.size() + 1;
    return at < codes.size() ? codes[at] : 0;
  };
  while (!heard.empty()) {
    const std::size_t end = heard.find("\r\n");
    if (end == heard.npos) break;  // cut off by the end of the connection
    const std::string line(heard.substr(0, end));
    heard.remove_prefix(end + 2);
    Command command{.line = line, .code = code_of_next()};
    if (line.starts_with("BDAT ")) {
      const std::size_t size = std::stoul(line.substr(5));
      command.is_content = true;
      command.whole = heard.size() >= size && line.ends_with(" LAST");
      command.content = heard.substr(0, size);
      heard.remove_prefix(command.content.size());
    }
    const bool prompted = line == "DATA" && command.code == 354;
    command.end = all.size() - heard.size();
    commands.push_back(std::move(command));
    if (!prompted) continue;
    Command content{.is_content = true, .whole = false, .code = code_of_next()};
    while (!content.whole) {
      const std::size_t line_end = heard.find("\r\n");
      if (line_end == heard.npos) break;
      std::string_view text = heard.substr(0, line_end + 2);
      heard.remove_prefix(text.size());
      content.whole = text == ".\r\n";
      if (text.starts_with('.')) text.remove_prefix(1);
      if (!content.whole) content.content += text;
    }
    if (!content.whole) heard = {};
    content.end = all.size() - heard.size();
    commands.push_back(std::move(content));
  }
  return commands;
}

class OneDialer final : public relay::Dialer {
 public:
  explicit OneDialer(std::unique_ptr<runtime::ByteStream> stream) : stream_(std::move(stream)) {}

  Task<Result<std::unique_ptr<runtime::ByteStream>>> connect(TimePoint) override {
    co_return std::move(stream_);
  }
  Task<Result<std::unique_ptr<runtime::ByteStream>>> secure(
      std::unique_ptr<runtime::ByteStream> stream, TimePoint) override {
    co_return std::move(stream);
  }

 private:
  std::unique_ptr<runtime::ByteStream> stream_;
};

class House {
 public:
  void run(std::string_view input) {
    const auto octet = [&] {
      if (input.empty()) return 0u;
      const auto value = static_cast<unsigned char>(input.front());
      input.remove_prefix(1);
      return unsigned{value};
    };
    Plan plan{};
    plan.how = octet();
    plan.what = octet();
    said_.clear();
    heard_.clear();
    handed_.clear();
    const TimePoint began = loop_.now();
    loop_.run(play(plan, std::string(input)));
    FUZZ_CHECK(loop_.now() - began <= kPatience);
    FUZZ_CHECK(budget_.used() == 0);
    judge(plan);
  }

 private:
  config::Upstream upstream(const Plan& plan) const {
    config::Upstream upstream;
    upstream.name = "fuzz";
    upstream.host = "upstream.example";
    constexpr std::array kModes = {config::TlsMode::kNone, config::TlsMode::kStarttls,
                                   config::TlsMode::kImplicit, config::TlsMode::kImplicit};
    upstream.tls = kModes[plan.how & 3u];
    if (plan.chosen(2)) {
      upstream.username = "gateway";
      upstream.password = Secret("pass");
    }
    if (plan.chosen(3)) upstream.provider = config::built_in_provider("ses");
    return upstream;
  }

  message::Message message(const Plan& plan) {
    const std::string content = content_of(plan);
    message::Body body(budget_, storage_, content.size());
    FUZZ_CHECK(body.append(content));
    message::Envelope envelope;
    if (!plan.sends(3)) {
      envelope.reverse_path.mailbox = smtp::Mailbox{.local = "from", .domain = "here.example"};
    }
    for (unsigned i = 0; i <= (plan.what >> 4 & 3u); ++i) {
      envelope.recipients.push_back(
          {.forward_path = {.local = std::string(1, static_cast<char>('a' + i)),
                            .domain = "there.example"}});
    }
    if (plan.sends(1)) envelope.parameters.body = smtp::BodyType::kBinarymime;
    envelope.parameters.smtputf8 = plan.sends(6);
    envelope.parameters.require_tls = plan.sends(7);
    return {.id = "id",
            .envelope = std::move(envelope),
            .body = std::move(body),
            .message_id = "<x@here.example>",
            .has_8bit = plan.sends(0),
            .has_8bit_header = false,
            .is_binary = plan.sends(1)};
  }

  Task<void> play(const Plan& plan, std::string says) {
    auto [ours, theirs] = support::MemoryStream::pair(loop_);
    runtime::TaskGroup tasks(loop_);
    tasks.spawn(be_upstream(std::move(theirs), plan, std::move(says)));
    co_await hand_over(plan, std::move(ours));
    const auto joined = co_await tasks.join(loop_.after(kPatience));
    FUZZ_CHECK(joined);
  }

  /// Two messages, if the connection stays good.
  Task<void> hand_over(const Plan& plan, std::unique_ptr<support::MemoryStream> stream) {
    const support::MemoryStream& ours = *stream;  // lives as long as the connection
    const config::Upstream settings = upstream(plan);
    const std::string hostname = "gw.example";
    OneDialer dialer(std::move(stream));
    const auto credential = relay::make_credential(loop_, settings, nullptr);
    std::vector<relay::Connection*> under_way;
    auto opened = co_await relay::open_connection(loop_, dialer, *credential, settings, hostname,
                                                  loop_.after(1min), under_way);
    FUZZ_CHECK(under_way.empty());
    if (!opened) {
      FUZZ_CHECK(opened.error().end != relay::End::kAccepted &&
                 opened.error().end != relay::End::kUnknown);
      co_return;
    }
    relay::Connection& connection = **opened;
    const auto partial =
        plan.chosen(4) ? config::PartialRejection::kDeliver : config::PartialRejection::kReject;
    for (int i = 0; i < 2 && !connection.closing && connection.is_quiet(); ++i) {
      const message::Message one = message(plan);
      const std::size_t begin = ours.octets_written();
      const relay::Attempt attempt =
          co_await relay::transact(loop_, connection, settings, partial, one, loop_.after(5min));
      handed_.push_back({begin, ours.octets_written(), attempt.end});
    }
    if (!connection.closing) co_await connection.quit(loop_.after(1min));
  }

  /// Answers each line that it hears with one reply of those it has, or says them all at once.
  Task<void> be_upstream(std::unique_ptr<support::MemoryStream> stream, const Plan& plan,
                         std::string says) {
    const bool at_once = plan.chosen(5);
    std::string_view rest = says;
    bool in_content = false;
    const auto next_reply = [&] {
      const std::size_t begin = says.size() - rest.size();
      while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end == rest.npos ? end : end + 1);
        rest.remove_prefix(line.size());
        in_content = line.starts_with("354");
        if (line.size() < 4 || line[3] != '-') break;
      }
      return std::string_view(says).substr(begin, says.size() - rest.size() - begin);
    };
    std::size_t answered = 0;
    std::size_t due = 1;  // the greeting
    if (at_once) {
      said_ = says;
      (void)co_await stream->write(says, kNever);
      rest = {};
    }
    while (true) {
      for (; due > 0 && !rest.empty(); --due) {
        const std::string_view reply = next_reply();
        said_ += reply;
        (void)co_await stream->write(reply, kNever);
        if (in_content) {
          due = 0;
          break;
        }
      }
      if (rest.empty() && !plan.chosen(6)) stream->half_close();
      const auto octets = co_await stream->read(loop_.after(kPatience / 2));
      if (!octets) co_return;
      heard_ += *octets;
      if (in_content) {
        due = heard_.ends_with("\r\n.\r\n") ? 1 : 0;
        answered = heard_.size();
        continue;
      }
      due += static_cast<std::size_t>(
          std::count(heard_.begin() + static_cast<std::ptrdiff_t>(answered), heard_.end(), '\n'));
      answered = heard_.size();
    }
  }

  void judge(const Plan& plan) const {
    const std::vector<Command> commands = commands_of(heard_, codes_of(said_));
    for (const Handed& each : handed_) {
      const Command* sent = nullptr;
      for (const Command& command : commands) {
        if (command.end <= each.begin || command.end > each.end) continue;
        if (!command.is_content || !command.whole) continue;
        FUZZ_CHECK(sent == nullptr);
        sent = &command;
      }
      const bool told = each.how == relay::End::kAccepted || each.how == relay::End::kUnknown;
      FUZZ_CHECK(!told || sent != nullptr);
      if (sent == nullptr) continue;
      FUZZ_CHECK(each.how != relay::End::kFailed && each.how != relay::End::kUnsuited);
      // RFC 5321 section 4.3.2: of a code that is not expected here the first digit decides.
      if (each.how == relay::End::kAccepted) FUZZ_CHECK(sent->code / 100 == 2);
      std::string expected = content_of(plan);
      const bool by_data = !sent->line.starts_with("BDAT");
      if (by_data && !expected.ends_with("\r\n")) expected += "\r\n";
      FUZZ_CHECK(sent->content == expected);
    }
    // Whatever ended as a message was one of those.
    const auto whole = std::ranges::count_if(
        commands, [](const Command& command) { return command.is_content && command.whole; });
    FUZZ_CHECK(whole <= std::ssize(handed_));
  }

  /// One transaction: which of the client's octets are its, and its end.
  struct Handed {
    std::size_t begin;
    std::size_t end;
    relay::End how;
  };

  runtime::Loop loop_{runtime::Time::kVirtual};
  message::Budget budget_{1u << 20};
  const message::Storage storage_;
  std::string said_;
  std::string heard_;
  std::vector<Handed> handed_;
};

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& house = *new sallyport::fuzz::House();
  house.run(sallyport::fuzz::text(data, size));
  return 0;
}
