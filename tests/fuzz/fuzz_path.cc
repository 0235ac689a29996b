// Addresses: what is accepted is within the limits, stands for what was written, is strict RFC 5321
// when it is written again, and holds nothing that could break out of its angle brackets.
#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/smtp/mailbox.h"
#include "tests/fuzz/fuzz.h"

namespace sallyport::smtp {
namespace {

/// RFC 5321 section 4.1.2: Dot-string, of atext and of what RFC 6531 adds.
bool is_dot_string(std::string_view text) {
  char before = '.';
  for (const char c : text) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool high = static_cast<unsigned char>(c) >= 0x80;
    if (c == '.' ? before == '.'
                 : !alnum && !high && !std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c)) {
      return false;
    }
    before = c;
  }
  return before != '.';
}

/// What a local part stands for.
std::string meaning(std::string_view local) {
  if (!local.starts_with('"')) return std::string(local);
  std::string content;
  for (std::size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\') ++i;
    content += local[i];
  }
  return content;
}

void check_mailbox(const Mailbox& mailbox, bool allow_utf8) {
  const std::string text = mailbox.str();
  FUZZ_CHECK(text.size() <= 254 && mailbox.domain.size() <= 255);
  for (const char c : text) {
    FUZZ_CHECK(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    FUZZ_CHECK(allow_utf8 || static_cast<unsigned char>(c) < 0x80);
  }
  FUZZ_CHECK(mailbox.domain.find_first_of("<>()@,;\\\" ") == std::string::npos ||
             mailbox.domain.starts_with('['));
  FUZZ_CHECK(!mailbox.domain.starts_with('.') && !mailbox.domain.ends_with('.') &&
             (mailbox.domain.starts_with('[') || !mailbox.domain.contains("..")));
  // Quoted where it must be, and only there.
  const bool quoted =
      mailbox.local.size() > 1 && mailbox.local.front() == '"' && mailbox.local.back() == '"';
  FUZZ_CHECK(quoted ? !is_dot_string(meaning(mailbox.local)) : is_dot_string(mailbox.local));

  const std::string path = '<' + text + "> rest";
  const auto forward = parse_forward_path(path, allow_utf8);
  FUZZ_CHECK(forward && forward->value == mailbox && forward->rest == " rest");
  const std::string without_brackets = text + " rest";
  const auto bare = parse_forward_path(without_brackets, allow_utf8);
  FUZZ_CHECK(bare && bare->value == mailbox && bare->rest == " rest");
  if (mailbox.domain.empty()) return;
  const auto again = parse_mailbox(text, allow_utf8);
  FUZZ_CHECK(again && *again == mailbox);
  const auto reverse = parse_reverse_path(path, allow_utf8);
  FUZZ_CHECK(reverse && reverse->value.mailbox == mailbox && reverse->rest == " rest");
}

void check_all(std::string_view input, bool allow_utf8) {
  const auto mailbox = parse_mailbox(input, allow_utf8);
  FUZZ_CHECK(mailbox || !mailbox.error().text.empty());
  if (mailbox) {
    check_mailbox(*mailbox, allow_utf8);
    // Nothing is lost but quotes that need not be and the dot at the end of a domain.
    const std::string_view domain = mailbox->domain;
    std::string_view written = input.ends_with('.') ? input.substr(0, input.size() - 1) : input;
    FUZZ_CHECK(written.ends_with('@' + mailbox->domain));
    written.remove_suffix(domain.size() + 1);
    FUZZ_CHECK(meaning(written) == meaning(mailbox->local));
  }
  if (const auto path = parse_reverse_path(input, allow_utf8)) {
    FUZZ_CHECK(input.ends_with(path->rest));
    FUZZ_CHECK(input.starts_with('<') || path->rest.empty() || path->rest.starts_with(' '));
    FUZZ_CHECK(path->value.mailbox || input.starts_with("<>"));
    if (path->value.mailbox) check_mailbox(*path->value.mailbox, allow_utf8);
  }
  if (const auto path = parse_forward_path(input, allow_utf8)) {
    FUZZ_CHECK(input.ends_with(path->rest));
    FUZZ_CHECK(input.starts_with('<') || path->rest.empty() || path->rest.starts_with(' '));
    check_mailbox(path->value, allow_utf8);
  }
}

}  // namespace
}  // namespace sallyport::smtp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = sallyport::fuzz::text(data, size);
  sallyport::smtp::check_all(input, false);
  sallyport::smtp::check_all(input, true);
  // ASCII alone is a part of UTF-8: what is accepted without is accepted with it, as the same.
  const auto strict = sallyport::smtp::parse_mailbox(input, false);
  FUZZ_CHECK(!strict || strict == sallyport::smtp::parse_mailbox(input, true));
  return 0;
}
