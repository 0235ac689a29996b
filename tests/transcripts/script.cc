#include "tests/transcripts/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/transcripts/pattern.h"

namespace sallyport::transcripts {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// The one line, or kInvalid.
Result<Step> read_step(std::string_view line) {
  using enum Step::Kind;
  Step step;
  if (line.starts_with('@')) {
    step.words = words_of(std::string(line.substr(1)));
    if (step.words.empty()) return fail(ErrorCode::kInvalid, "@ without a directive");
    return step;
  }
  const std::string_view mark = line.substr(0, 2);
  const std::string_view rest = line.size() > 3 ? line.substr(3) : std::string_view();
  if (line.size() > 2 && line[2] != ' ')
    return fail(ErrorCode::kInvalid, "no space after the mark");
  if (mark == "c:") {
    step.kind = kSay;
    step.text = unescape(expand(rest));
    return step;
  }
  static constexpr std::pair<std::string_view, Step::Kind> marks[] = {
      {"C:", kSay},      {"S:", kHear},    {"P:", kPass},
      {"U:", kProvider}, {"M:", kMessage}, {"L:", kLog}};
  for (const auto& [name, kind] : marks) {
    if (mark != name) continue;
    step.kind = kind;
    step.text = expand(rest);
    if (kind == kSay) step.text += "\r\n";
    return step;
  }
  return fail(ErrorCode::kInvalid, "expected C: c: S: P: U: M: L: @ or #");
}

}  // namespace

bool Script::plays_provider() const {
  return std::ranges::any_of(steps, [](const Step& step) {
    return step.kind == Step::Kind::kPass || step.kind == Step::Kind::kProvider ||
           (!step.words.empty() && step.words[0].starts_with("provider"));
  });
}

bool Script::is_about_segments() const {
  return std::ranges::any_of(
      steps, [](const Step& step) { return !step.words.empty() && step.words[0] == "segments"; });
}

Result<Script> read_script(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return fail(ErrorCode::kNotFound, file + ": cannot be read");
  Script script;
  script.file = file;
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    auto step = read_step(line);
    if (!step) {
      return fail(ErrorCode::kInvalid, fmt::format("{}:{}: {}", file, number, step.error().text));
    }
    step->line = number;
    script.steps.push_back(std::move(*step));
  }
  return script;
}

}  // namespace sallyport::transcripts
