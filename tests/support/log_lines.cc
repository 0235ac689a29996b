#include "tests/support/log_lines.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "proxy/base/utf8.h"

namespace sallyport::support {
namespace {

std::unexpected<std::string> wrong(std::string what, std::size_t at) {
  return std::unexpected(std::move(what) + " at octet " + std::to_string(at));
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// What some readers of lines take for the end of one, or obey: none may stand in a line.
bool holds_line_end(std::string_view text) {
  for (const std::string_view mark : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
    if (text.contains(mark)) return true;
  }
  return std::ranges::any_of(text, is_control);
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

/// Goes through one line from left to right.
class Reader {
 public:
  explicit Reader(std::string_view line) : line_(line) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == line_.size(); }
  char peek() const { return at_end() ? '\0' : line_[at_]; }
  bool take(char c) {
    if (at_end() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  template <class Predicate>
  std::string_view take_while(Predicate fits) {
    const std::size_t begin = at_;
    while (!at_end() && fits(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }

  /// A string in quotes; `\"`, `\\` and `\uXXXX` in both formats, the short ones in JSON alone.
  std::expected<std::string, std::string> quoted(bool json) {
    if (!take('"')) return wrong("no quote", at_);
    std::string text;
    while (!take('"')) {
      if (at_end()) return wrong("no closing quote", at_);
      if (!take('\\')) {
        text += line_[at_++];
        continue;
      }
      const char kind = peek();
      if (at_end()) return wrong("nothing behind a backslash", at_);
      ++at_;
      constexpr std::string_view kShort = "/bfnrt";
      constexpr std::string_view kMeant = "/\b\f\n\r\t";
      const std::size_t which = kShort.find(kind);
      if (kind == '"' || kind == '\\') {
        text += kind;
      } else if (json && which != std::string_view::npos) {
        text += kMeant[which];
      } else if (kind == 'u') {
        const auto code = code_point();
        if (!code) return wrong("a bad \\u escape", at_);
        append_utf8(text, *code);
      } else {
        return wrong("an unknown escape", at_);
      }
    }
    return text;
  }

 private:
  std::optional<std::uint32_t> four_digits() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = peek();
      const std::size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c | 32) : c);
      if (at_end() || digit == std::string_view::npos) return std::nullopt;
      code = code << 4 | static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return code;
  }

  std::optional<std::uint32_t> code_point() {
    const auto first = four_digits();
    if (!first || (*first >= 0xdc00 && *first <= 0xdfff)) return std::nullopt;
    if (*first < 0xd800 || *first > 0xdbff) return first;
    if (!take('\\') || !take('u')) return std::nullopt;
    const auto second = four_digits();
    if (!second || *second < 0xdc00 || *second > 0xdfff) return std::nullopt;
    return 0x10000 + ((*first - 0xd800) << 10 | (*second - 0xdc00));
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_json_number(std::string_view text) {
  Reader reader(text);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  reader.take('-');
  if (!reader.take('0') && reader.take_while(is_digit).empty()) return false;
  if (reader.take('.') && reader.take_while(is_digit).empty()) return false;
  if (reader.take('e') || reader.take('E')) {
    if (!reader.take('+')) reader.take('-');
    if (reader.take_while(is_digit).empty()) return false;
  }
  return reader.at_end();
}

/// Adds a field, unless there is one of its name.
std::optional<std::string> add(std::vector<LogField>& fields, LogField field) {
  const bool twice =
      std::ranges::any_of(fields, [&](const LogField& each) { return each.key == field.key; });
  if (twice) return field.key + " is there twice";
  fields.push_back(std::move(field));
  return std::nullopt;
}

}  // namespace

LogLine parse_logfmt(std::string_view line) {
  if (holds_line_end(line)) return std::unexpected("a control or a line end in the line");
  if (!utf8::is_valid(line)) return std::unexpected("not UTF-8");
  Reader reader(line);
  std::vector<LogField> fields;
  do {
    LogField field;
    field.key = reader.take_while(is_key_character);
    if (field.key.empty() || !reader.take('=')) return wrong("no key", reader.at());
    if (reader.peek() == '"') {
      auto text = reader.quoted(false);
      if (!text) return std::unexpected(text.error());
      field.value = std::move(*text);
    } else {
      field.value = reader.take_while([](char c) { return c != ' ' && c != '"' && c != '='; });
      if (field.value.contains('\\')) return wrong("a backslash without quotes", reader.at());
    }
    if (auto fault = add(fields, std::move(field))) return std::unexpected(std::move(*fault));
  } while (reader.take(' '));
  if (!reader.at_end()) return wrong("text behind a value", reader.at());
  return fields;
}

LogLine parse_json_line(std::string_view line) {
  if (holds_line_end(line)) return std::unexpected("a control or a line end in the line");
  if (!utf8::is_valid(line)) return std::unexpected("not UTF-8");
  Reader reader(line);
  std::vector<LogField> fields;
  if (!reader.take('{')) return wrong("no object", reader.at());
  do {
    LogField field;
    auto key = reader.quoted(true);
    if (!key) return std::unexpected(key.error());
    if (!std::ranges::all_of(*key, is_key_character)) return wrong("a bad key", reader.at());
    field.key = std::move(*key);
    if (!reader.take(':')) return wrong("no colon", reader.at());
    if (reader.peek() == '"') {
      auto text = reader.quoted(true);
      if (!text) return std::unexpected(text.error());
      field.value = std::move(*text);
    } else {
      field.is_text = false;
      field.value = reader.take_while([](char c) { return c != ',' && c != '}'; });
      const bool is_boolean = field.value == "true" || field.value == "false";
      if (!is_boolean && !is_json_number(field.value)) return wrong("a bad value", reader.at());
    }
    if (auto fault = add(fields, std::move(field))) return std::unexpected(std::move(*fault));
  } while (reader.take(','));
  if (!reader.take('}') || !reader.at_end()) return wrong("text behind a value", reader.at());
  return fields;
}

LogLine parse_log_line(log::Format format, std::string_view line) {
  return format == log::Format::kJson ? parse_json_line(line) : parse_logfmt(line);
}

std::string value_of(const std::vector<LogField>& line, std::string_view key) {
  const auto found = std::ranges::find(line, key, &LogField::key);
  return found == line.end() ? std::string() : found->value;
}

std::string fault_of_log(log::Format format, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos) return "a line without an end: " + std::string(line);
    if (end + 1 > log::kMostLine) return "a line of " + std::to_string(end + 1) + " octets";
    const LogLine read = parse_log_line(format, line);
    if (!read) return read.error() + ": " + std::string(line);
    text.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace sallyport::support
