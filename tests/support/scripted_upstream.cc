#include "tests/support/scripted_upstream.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "proxy/runtime/event.h"

namespace sallyport::support {
namespace {

using runtime::Task;
using Kind = ScriptStep::Kind;

// Longer than any deadline of ours: who lets it pass hangs.
constexpr Duration kPatience = std::chrono::hours(1);

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      plain += text[i];
      continue;
    }
    const char c = text[++i];
    plain += c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
  }
  return plain;
}

std::optional<Duration> parse_span(std::string_view text) {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
  if (parsed.ec != std::errc()) return std::nullopt;
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "ms") return std::chrono::milliseconds(number);
  return std::nullopt;
}

std::optional<ScriptStep> parse_step(std::string_view line) {
  const std::string_view head = line.substr(0, 2);
  std::string_view rest = line.substr(std::min<std::size_t>(line.size(), 2));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  if (head == "P:") return ScriptStep{Kind::kExpect, std::string(rest)};
  if (head == "U:") return ScriptStep{Kind::kSay, std::string(rest) + "\r\n"};
  if (head == "P!" && rest == "content") return ScriptStep{Kind::kContent, {}};
  if (head == "P!" && rest == "bdat") return ScriptStep{Kind::kChunk, {}};
  if (head != "U!") return std::nullopt;
  if (rest == "close") return ScriptStep{Kind::kClose, {}};
  if (rest == "reset") return ScriptStep{Kind::kReset, {}};
  if (rest == "stall") return ScriptStep{Kind::kStall, {}};
  if (rest.starts_with("raw ")) return ScriptStep{Kind::kSay, unescape(rest.substr(4))};
  if (rest.starts_with("wait ")) {
    if (const auto span = parse_span(rest.substr(5))) return ScriptStep{Kind::kWait, {}, *span};
  }
  return std::nullopt;
}

std::unexpected<Error> fault(std::string text) {
  return fail(ErrorCode::kInvalid, std::move(text));
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t from = star; from <= text.size(); ++from) {
    if (matches(rest, text.substr(from))) return true;
  }
  return false;
}

Result<std::vector<ScriptStep>> parse_script(std::string_view text) {
  std::vector<ScriptStep> steps;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto step = parse_step(line);
    if (!step) return fault("no step of a script: " + std::string(line));
    const bool joins = !steps.empty() && steps.back().kind == Kind::kSay;
    if (joins && step->kind == Kind::kSay) {
      steps.back().text += step->text;
    } else {
      steps.push_back(std::move(*step));
    }
  }
  return steps;
}

Task<Result<void>> ScriptedUpstream::play(runtime::Loop& loop,
                                          std::unique_ptr<runtime::ByteStream> stream,
                                          std::vector<ScriptStep> steps,
                                          std::vector<std::string>& contents) {
  ScriptedUpstream upstream(loop, *stream, contents);
  co_return co_await upstream.run(steps);
}

Task<Result<void>> ScriptedUpstream::run(const std::vector<ScriptStep>& steps) {
  for (const ScriptStep& step : steps) {
    Result<void> done;
    switch (step.kind) {
      case Kind::kExpect:
        done = co_await expect(step.text);
        break;
      case Kind::kContent:
        done = co_await read_content();
        break;
      case Kind::kChunk:
        done = co_await read_chunk();
        break;
      case Kind::kSay:
        // Who hung up already does not hear it: what we say next is for the next step to judge.
        (void)co_await stream_.write(step.text, loop_.after(kPatience));
        break;
      case Kind::kWait: {
        runtime::Event never(loop_);
        (void)co_await never.wait(loop_.after(step.span));
        break;
      }
      case Kind::kClose:
        co_await stream_.finish(loop_.after(kPatience));
        co_return {};
      case Kind::kReset:
        stream_.abort();
        co_return {};
      case Kind::kStall:
        while (true) {
          const auto octets = co_await stream_.read(loop_.after(kPatience));
          if (octets) continue;
          if (octets.error().code == ErrorCode::kTimeout) co_return fault("nobody gave up waiting");
          co_return {};
        }
    }
    if (!done) co_return fail(done.error());
  }
  co_return co_await expect_end();
}

Task<Result<std::string>> ScriptedUpstream::read_line() {
  while (true) {
    const std::size_t end = received_.find("\r\n");
    if (end != received_.npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      co_return line;
    }
    const auto octets = co_await stream_.read(loop_.after(kPatience));
    if (!octets) co_return fail(octets.error());
    received_ += *octets;
  }
}

Task<Result<void>> ScriptedUpstream::expect(const std::string& pattern) {
  const auto line = co_await read_line();
  if (!line) co_return fault("expected \"" + pattern + "\", but: " + line.error().text);
  if (!matches(pattern, *line)) {
    co_return fault("expected \"" + pattern + "\", but heard \"" + *line + "\"");
  }
  co_return {};
}

Task<Result<void>> ScriptedUpstream::read_content() {
  std::string content;
  while (true) {
    const auto line = co_await read_line();
    if (!line) co_return fault("expected the rest of the content, but: " + line.error().text);
    if (*line == ".") break;
    content += *line + "\r\n";
  }
  contents_.push_back(std::move(content));
  co_return {};
}

Task<Result<void>> ScriptedUpstream::read_chunk() {
  const auto line = co_await read_line();
  if (!line) co_return fault("expected BDAT, but: " + line.error().text);
  std::size_t size = 0;
  const bool is_bdat = line->starts_with("BDAT ") && line->ends_with(" LAST");
  const char* const digits = line->data() + std::min<std::size_t>(line->size(), 5);
  const auto parsed = std::from_chars(digits, line->data() + line->size(), size);
  if (!is_bdat || parsed.ec != std::errc()) {
    co_return fault("expected \"BDAT n LAST\", but heard \"" + *line + "\"");
  }
  while (received_.size() < size) {
    const auto octets = co_await stream_.read(loop_.after(kPatience));
    if (!octets) co_return fault("expected the rest of the chunk, but: " + octets.error().text);
    received_ += *octets;
  }
  contents_.push_back(received_.substr(0, size));
  received_.erase(0, size);
  co_return {};
}

Task<Result<void>> ScriptedUpstream::expect_end() {
  const auto line = co_await read_line();
  if (line && *line == "QUIT") {
    (void)co_await stream_.write("221 2.0.0 Bye\r\n", loop_.after(kPatience));
    co_await stream_.finish(loop_.after(kPatience));
    co_return {};
  }
  if (line) co_return fault("expected the end, but heard \"" + *line + "\"");
  if (!received_.empty()) co_return fault("expected the end, but heard \"" + received_ + "\"");
  if (line.error().code == ErrorCode::kTimeout) co_return fault("the connection was left open");
  co_return {};
}

}  // namespace sallyport::support
