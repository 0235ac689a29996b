#include "tests/transcripts/player.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "proxy/runtime/event.h"
#include "tests/support/log_lines.h"
#include "tests/transcripts/fake_tls.h"
#include "tests/transcripts/pattern.h"
#include "tests/transcripts/stage.h"

namespace sallyport::transcripts {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

// Virtual: answers take no time, so whatever is silent this long has nothing to say.
constexpr Duration kPatience = 1ms;
constexpr std::size_t kContextLines = 12;
constexpr std::size_t kContextWidth = 160;
// Flights larger than this come in larger bites, byte by byte or not: they are about size.
constexpr std::size_t kMostByBytes = 16 * 1024;

std::string login_line() { return "AUTH PLAIN " + expand("{base64:\\0app\\0secret}"); }

Duration duration(const std::string& text) {
  const long count = std::stol(text);
  if (text.ends_with("ms")) return count * 1ms;
  if (text.ends_with('m')) return count * 1min;
  return count * 1s;
}

/// The far end of one of our connections: a client's, or a provider's.
struct Peer {
  std::unique_ptr<support::MemoryStream> stream;
  std::string unread;
  bool greeted = false;     ///< It has said its first line, the greeting.
  bool lists_ehlo = false;  ///< It is in the middle of its answer to EHLO.

  /// RFC 2034 section 4: each 2xx, 4xx and 5xx line has an enhanced code of its class, but for the
  /// greeting and what is said to EHLO and HELO. Held against every line we ever say.
  bool has_due_code(std::string_view line) {
    // Where the script writes the hello of TLS itself, the server's comes before the first reply.
    if (line.starts_with(kServerHello)) line.remove_prefix(kServerHello.size());
    const bool is_greeting = !std::exchange(greeted, true) && line.starts_with("220 ");
    const bool begins_ehlo = line.starts_with("250-mail.example.com greets ");
    const bool is_ehlo = lists_ehlo || begins_ehlo;
    lists_ehlo = is_ehlo && line.starts_with("250-");
    if (is_greeting || is_ehlo || line.starts_with('3') || line == "250 mail.example.com")
      return true;
    // What is wrong with the name of EHLO.
    for (const char* text :
         {"501 EHLO and HELO want ", "501 Bad name: ", "501 The name is longer "}) {
      if (line.starts_with(text)) return true;
    }
    return line.size() > 9 && line[4] == line[0] && line[5] == '.' && line.find('.', 6) < 10;
  }
};

/// One run. Every function that returns false has set `difference`.
class Player {
 public:
  Player(runtime::Loop& loop, const Script& script, Cut cut)
      : loop_(loop), script_(script), cut_(cut), stage_(loop, script) {}

  Task<std::optional<std::string>> play() {
    const bool played = co_await all_steps();
    if (played) co_await loose_ends();
    for (auto& [name, client] : clients_) client.stream.reset();
    provider_.stream.reset();
    stage_.abort();
    const bool ended = co_await stage_.ended();
    if (!ended) differ("a session did not end");
    if (!difference_ && stage_.octets_held() != 0) differ("content is still held at the end");
    if (!difference_) check_log();
    co_return difference_;
  }

 private:
  bool differ(const std::string& what) {
    if (difference_) return false;
    std::string said;
    const std::size_t skipped =
        conversation_.size() > kContextLines ? conversation_.size() - kContextLines : 0;
    for (std::size_t i = skipped; i < conversation_.size(); ++i)
      said += "    " + conversation_[i] + "\n";
    difference_ = fmt::format("{}:{}: {}\n  so far:\n{}", script_.file, line_, what, said);
    return false;
  }

  /// Keeps a line of the conversation, to be shown should something differ.
  void note(std::string said) {
    if (said.size() > kContextWidth) {
      said = fmt::format("{}... ({} octets)", said.substr(0, kContextWidth), said.size());
    }
    conversation_.push_back(std::move(said));
  }

  Task<bool> all_steps() {
    const auto& steps = script_.steps;
    for (std::size_t i = 0; i < steps.size() && !difference_; ++i) {
      const Step& step = steps[i];
      line_ = step.line;
      switch (step.kind) {
        case Step::Kind::kSay: {
          std::size_t end = i + 1;
          while (end < steps.size() && steps[end].kind == Step::Kind::kSay) ++end;
          co_await say_flight(i, end);
          i = end - 1;
          break;
        }
        case Step::Kind::kHear:
          co_await hear(step.text);
          break;
        case Step::Kind::kMessage:
          co_await settle();
          check_message_line(step.text);
          break;
        case Step::Kind::kDirective:
          if (!Stage::is_setting(step.words.front())) co_await obey(step);
          break;
        case Step::Kind::kPass:
          co_await hear_as_provider(step.text);
          break;
        case Step::Kind::kProvider:
          co_await say_as_provider(step.text);
          break;
        case Step::Kind::kLog:
          break;  // in the end
      }
    }
    co_return !difference_;
  }

  // ---- the client -------------------------------------------------------------------------------

  Task<Peer*> client() {
    if (!clients_.contains(current_)) co_await connect();
    co_return &clients_[current_];
  }

  Task<void> connect() {
    Peer& client = clients_[current_];
    client.stream = stage_.connect();
    if (cut_ == Cut::kByteByByte) client.stream->split_into(1);
    if (stage_.is_implicit_tls() && !plain_) co_await handshake(client);
  }

  Task<void> handshake(Peer& client) {
    co_await settle();  // the hello of a real client is never in one read with what came in clear
    (void)co_await client.stream->write(kClientHello, loop_.after(kPatience));
    while (client.unread.size() < kServerHello.size()) {
      const auto octets = co_await client.stream->read(loop_.after(kPatience));
      if (!octets) {
        differ("the TLS handshake failed: " + octets.error().text);
        co_return;
      }
      client.unread += *octets;
    }
    if (!client.unread.starts_with(kServerHello)) {
      differ("no TLS handshake: " + printable(client.unread));
    }
    client.unread.erase(0, kServerHello.size());
  }

  Task<void> say_flight(std::size_t begin, std::size_t end) {
    Peer& speaker = *co_await client();
    const bool early = std::exchange(early_, false);
    if (!early && !co_await nothing_unheard(speaker)) co_return;
    std::string flight;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string& text = script_.steps[i].text;
      note("C: " + printable(text));
      flight += text;
      if (early || cut_ != Cut::kAsWritten) continue;
      (void)co_await speaker.stream->write(text, loop_.after(kPatience));
      co_await settle();
    }
    if (!early && cut_ == Cut::kAsWritten) co_return;
    if (cut_ == Cut::kByteByByte) speaker.stream->split_into(flight.size() < kMostByBytes ? 1 : 97);
    (void)co_await speaker.stream->write(flight, loop_.after(kPatience));
  }

  Task<void> hear(std::string expected) {
    Peer& listener = *co_await client();
    if (expected == "...") {
      client_skips_ = true;
      co_return;
    }
    auto line = co_await read_line(listener);
    // Of one reply only: the lines that say that more will follow.
    while (client_skips_ && line && line->find('-') == 3 && !matches(expected, printable(*line))) {
      line = co_await read_line(listener);
    }
    client_skips_ = false;
    if (!line) {
      differ(fmt::format("expected  S: {}\n  but {}", expected, line.error().text));
    } else if (!matches(expected, printable(*line))) {
      differ(fmt::format("expected  S: {}\n  but got   S: {}", expected, printable(*line)));
    }
  }

  /// One line without its CRLF; `mark`: what it is called in the conversation.
  Task<Result<std::string>> read_line(Peer& peer, const char* mark = "S: ") {
    while (!peer.unread.contains("\r\n")) {
      const auto octets = co_await peer.stream->read(loop_.after(kPatience));
      if (!octets) {
        const bool silent = octets.error().code == ErrorCode::kTimeout;
        co_return fail(octets.error().code,
                       silent ? "nothing was said" : "the end came: " + octets.error().text);
      }
      peer.unread += *octets;
    }
    const std::size_t end = peer.unread.find("\r\n");
    std::string line = peer.unread.substr(0, end);
    peer.unread.erase(0, end + 2);
    note(mark + printable(line));
    if (std::string_view(mark) == "S: " && !peer.has_due_code(line)) {
      differ("RFC 2034 wants an enhanced status code in  S: " + printable(line));
    }
    co_return line;
  }

  /// Before the client speaks, and in the end: everything that was said to it was expected.
  Task<bool> nothing_unheard(Peer& client) {
    co_await settle();
    while (true) {
      const bool quiet = client.unread.empty() && client.stream->is_quiet();
      if (quiet) co_return true;
      const auto line = co_await read_line(client);
      if (!line) co_return true;  // the end is no line: @closed asks for it
      co_return differ("not expected: S: " + printable(*line));
    }
  }

  // ---- the provider -----------------------------------------------------------------------------

  Task<void> hear_as_provider(std::string expected) {
    if (!provider_.stream) {
      differ("no provider is connected: @provider-dialled comes first");
      co_return;
    }
    if (expected == "...") {
      provider_skips_ = true;
      co_return;
    }
    while (!difference_) {
      const auto line = co_await read_line(provider_, "P: ");
      if (line && matches(expected, printable(*line))) break;
      if (line && provider_skips_) continue;
      differ(fmt::format("expected  P: {}\n  but {}", expected,
                         line ? "got   P: " + printable(*line) : line.error().text));
    }
    provider_skips_ = false;
  }

  Task<void> say_as_provider(std::string line) {
    note("U: " + line);
    if (!provider_.stream) {
      differ("no provider is connected: @provider-dialled comes first");
      co_return;
    }
    (void)co_await provider_.stream->write(line + "\r\n", loop_.after(kPatience));
    co_await settle();
  }

  /// The next connection that we make must be to `name`.
  Task<void> provider_dialled(std::string name) {
    co_await settle();
    provider_ = {.stream = stage_.providers().take(name), .unread = {}};
    if (!provider_.stream) differ("upstream " + name + " was not dialled");
  }

  /// From the greeting to 235.
  Task<void> provider_ready(std::string name) {
    co_await provider_dialled(std::move(name));
    if (difference_) co_return;
    co_await say_as_provider("220 smtp.provider.example");
    co_await hear_as_provider("EHLO mail.example.com");
    co_await say_as_provider("250-smtp.provider.example");
    co_await say_as_provider("250-PIPELINING");
    for (const std::string& line : std::exchange(offers_, {})) {
      co_await say_as_provider("250-" + line);
    }
    co_await say_as_provider("250 AUTH PLAIN");
    co_await hear_as_provider("AUTH PLAIN " + expand("{base64:\\0gateway\\0pass}"));
    co_await say_as_provider("235 2.7.0 ok");
  }

  // ---- directives -------------------------------------------------------------------------------

  Task<void> obey(const Step& step) {
    const auto& words = step.words;
    const std::string& what = words[0];
    if (what == "login" || what == "greet") {
      co_await greet(what == "login");
    } else if (what == "envelope") {
      co_await envelope();
    } else if (what == "connect") {
      (void)co_await client();
    } else if (what == "early") {
      early_ = true;
    } else if (what == "plain") {
      plain_ = true;
    } else if (what == "tls") {
      co_await handshake(*co_await client());
    } else if (what == "connection" && words.size() == 2) {
      current_ = words[1];
    } else if (what == "wait" && words.size() == 2) {
      runtime::Event never(loop_);
      (void)co_await never.wait(loop_.after(duration(words[1])));
    } else if (what == "closed") {
      co_await expect_end();
    } else if (what == "half-close") {
      (co_await client())->stream->half_close();
      co_await settle();
    } else if (what == "drop") {
      (co_await client())->stream->abort();
      co_await settle();
    } else if (what == "split" && words.size() == 2) {
      if (cut_ != Cut::kByteByByte) {
        (co_await client())->stream->split_into(std::stoul(words[1]));
      }
    } else if (what == "drain") {
      stage_.drain();
      co_await settle();
    } else if (what == "abort") {
      stage_.abort();
      co_await settle();
    } else if (what == "provider-offers" && words.size() >= 2) {
      std::string& line = offers_.emplace_back(words[1]);
      for (std::size_t i = 2; i < words.size(); ++i) line += " " + words[i];
    } else if (what == "provider-ready" && words.size() == 2) {
      co_await provider_ready(words[1]);
    } else if (what == "provider-dialled" && words.size() == 2) {
      co_await provider_dialled(words[1]);
    } else if (what == "provider-closes") {
      provider_.stream.reset();
      co_await settle();
    } else if (what == "provider-not-dialled") {
      co_await settle();
      if (stage_.providers().was_dialled()) differ("an upstream was dialled");
    } else if (what == "delivered" && words.size() == 2) {
      co_await settle();
      if (stage_.providers().messages().size() != std::stoul(words[1])) {
        differ(fmt::format("the provider got {} messages", stage_.providers().messages().size()));
      }
    } else {
      differ("no such directive, or wrong arguments: @" + what);
    }
  }

  Task<void> greet(bool log_in) {
    co_await hear("220 mail.example.com ESMTP");
    co_await tell("EHLO client.example");
    while (!difference_) {
      const auto line = co_await read_line(*co_await client());
      if (!line || !line->starts_with("250")) {
        differ("EHLO was not accepted");
      } else if (line->starts_with("250 ")) {
        break;
      }
    }
    if (!log_in) co_return;
    co_await tell(login_line());
    co_await hear("235 *");
  }

  Task<void> envelope() {
    co_await tell("MAIL FROM:<app@example.com>");
    co_await hear("250 *");
    co_await tell("RCPT TO:<someone@example.net>");
    co_await hear("250 *");
  }

  Task<void> tell(std::string line) {
    note("C: " + line);
    Peer& speaker = *co_await client();
    (void)co_await speaker.stream->write(line + "\r\n", loop_.after(kPatience));
  }

  Task<void> expect_end() {
    const auto line = co_await read_line(*co_await client());
    if (line) {
      differ("expected the end, but got  S: " + printable(*line));
    } else if (line.error().code == ErrorCode::kTimeout) {
      differ("expected the end of the connection, but it is still open");
    }
    clients_[current_].stream->half_close();
  }

  // ---- what is left -----------------------------------------------------------------------------

  /// Lets everything that can run do so.
  Task<void> settle() {
    runtime::Event never(loop_);
    (void)co_await never.wait(loop_.after(std::chrono::nanoseconds(1)));
  }

  /// `M:` lines are held against the messages in order; MAIL begins one, `...` skips lines.
  void check_message_line(const std::string& pattern) {
    const auto& messages = stage_.providers().messages();
    if (pattern.starts_with("MAIL ")) {
      if (message_begun_ && !end_message()) return;
      message_begun_ = true;
    }
    if (message_ >= messages.size()) {
      differ(fmt::format("the provider got only {} messages", messages.size()));
      return;
    }
    if (pattern == "...") {
      skipping_ = true;
      return;
    }
    const auto& lines = messages[message_];
    while (skipping_ && message_line_ < lines.size() &&
           !matches(pattern, printable(lines[message_line_]))) {
      ++message_line_;
    }
    skipping_ = false;
    if (message_line_ >= lines.size()) {
      differ("expected  M: " + pattern + "\n  but the message has no more lines");
      return;
    }
    const std::string& line = lines[message_line_++];
    if (!matches(pattern, printable(line))) {
      differ(fmt::format("expected  M: {}\n  but got   M: {}", pattern, printable(line)));
    }
  }

  bool end_message() {
    const auto& lines = stage_.providers().messages()[message_];
    if (!skipping_ && message_line_ < lines.size()) {
      return differ("not expected: M: " + printable(lines[message_line_]));
    }
    ++message_;
    message_line_ = 0;
    skipping_ = false;
    return true;
  }

  Task<void> loose_ends() {
    for (auto& [name, client] : clients_) {
      const bool quiet = co_await nothing_unheard(client);
      if (!quiet) co_return;
    }
    if (message_begun_) end_message();
  }

  void check_log() {
    const std::string log = stage_.finish_log();
    const std::string fault = support::fault_of_log(CapturedLog::kFormat, log);
    if (!fault.empty()) {
      differ("the log has " + fault);
      return;
    }
    std::vector<std::string> lines;
    std::istringstream stream(log);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    std::size_t next = 0;
    for (const Step& step : script_.steps) {
      if (step.kind != Step::Kind::kLog) continue;
      line_ = step.line;
      while (next < lines.size() && !matches("*" + step.text + "*", lines[next])) ++next;
      if (next++ < lines.size()) continue;
      std::string all;
      for (const std::string& line : lines) all += "\n    " + line;
      differ("expected  L: " + step.text + "\n  but the log is" + all);
      return;
    }
  }

  runtime::Loop& loop_;
  const Script& script_;
  const Cut cut_;
  Stage stage_;
  std::map<std::string, Peer> clients_;
  std::string current_ = "1";
  Peer provider_;
  std::vector<std::string> offers_;  // of the next provider's EHLO, beyond what it always offers
  bool client_skips_ = false;
  bool provider_skips_ = false;
  bool plain_ = false;
  bool early_ = false;
  std::size_t line_ = 0;
  std::size_t message_ = 0;
  std::size_t message_line_ = 0;
  bool message_begun_ = false;
  bool skipping_ = false;
  std::vector<std::string> conversation_;
  std::optional<std::string> difference_;
};

Task<std::optional<std::string>> play_on(runtime::Loop& loop, const Script& script, Cut cut) {
  Player player(loop, script, cut);
  co_return co_await player.play();
}

}  // namespace

std::optional<std::string> play(const Script& script, Cut cut) {
  runtime::Loop loop(runtime::Time::kVirtual);
  try {
    return loop.run(play_on(loop, script, cut));
  } catch (const std::invalid_argument& wrong) {
    return script.file + ": " + wrong.what();
  }
}

}  // namespace sallyport::transcripts
