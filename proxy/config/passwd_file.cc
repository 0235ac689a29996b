#include "proxy/config/passwd_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/utf8.h"
#include "proxy/config/password_hash.h"

namespace sallyport::config {
namespace {

/// A line of the file, and where in it the reader is.
class Line {
 public:
  Line(std::string_view text, std::uint32_t number, Problems& problems)
      : text_(text), rest_(text), number_(number), problems_(problems) {}

  /// What stands up to `separator` or the end, which is taken off. With a blank as the separator
  /// any number of them is one.
  std::string_view take(char separator) {
    if (separator == ' ')
      rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
    field_ = text_.size() - rest_.size();
    const std::size_t end = separator == ' ' ? rest_.find_first_of(kBlanks) : rest_.find(separator);
    const std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(std::min(field.size() + 1, rest_.size()));
    return field;
  }

  bool ended() const { return rest_.find_first_not_of(kBlanks) == rest_.npos; }

  /// Where the field begins that was taken last.
  Place place() const {
    const auto before = text_.substr(0, field_);
    const auto characters = std::ranges::count_if(
        before, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    return {.line = number_, .column = static_cast<std::uint32_t>(characters) + 1};
  }

  void blame(std::string what) { problems_.add(place(), std::move(what)); }

 private:
  static constexpr std::string_view kBlanks = " \t";

  std::string_view text_;
  std::string_view rest_;
  std::size_t field_ = 0;
  std::uint32_t number_;
  Problems& problems_;
};

constexpr std::size_t kLongestName = 255;

bool read_name(Line& line, char separator, PasswdEntry& entry) {
  const std::string_view name = line.take(separator);
  entry.place = line.place();
  const bool good = !name.empty() && name.size() <= kLongestName && utf8::is_valid(name) &&
                    std::ranges::none_of(name, ascii::is_control);
  if (!good) {
    line.blame(fmt::format("expected the name of a user, of 1 to {} octets", kLongestName));
    return false;
  }
  entry.user.name = name;
  return true;
}

bool read_hash(Line& line, char separator, PasswdEntry& entry) {
  const std::string_view hash = line.take(separator);
  const auto parsed = parse_password_hash(hash);
  if (!parsed) {
    line.blame(fmt::format("the password of {}: {}; expected a hash", quote(entry.user.name),
                           parsed.error().text));
    return false;
  }
  entry.user.password_hash = hash;
  return true;
}

/// Of Dovecot's extra fields `allow_nets`; the others are not about who may log in and send.
bool read_extra_fields(Line& line, User& user) {
  while (!line.ended()) {
    std::string_view field = line.take(' ');
    constexpr std::string_view kNetworks = "allow_nets=";
    if (!field.starts_with(kNetworks)) continue;
    field.remove_prefix(kNetworks.size());
    while (!field.empty()) {
      const std::string_view word = field.substr(0, field.find(','));
      field.remove_prefix(std::min(word.size() + 1, field.size()));
      const auto network = IpNetwork::parse(word == "local" ? "127.0.0.0/8" : word);
      if (!network) {
        line.blame(fmt::format("allow_nets of {} has {}; expected networks like 10.0.0.0/8",
                               quote(user.name), quote(word)));
        return false;
      }
      user.networks.push_back(*network);
    }
    if (user.networks.empty()) {
      line.blame(fmt::format("allow_nets of {} is empty; expected networks", quote(user.name)));
      return false;
    }
  }
  return true;
}

bool read_senders(Line& line, User& user) {
  std::string_view list = line.take(' ');
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(word.size() + 1, list.size()));
    const bool whole_domain = word.starts_with('@');
    const auto pattern = AddressPattern::parse((whole_domain ? "*" : "") + std::string(word));
    if (!pattern || !word.contains('@')) {
      line.blame(fmt::format("the senders of {} have {}; expected addresses or @domain",
                             quote(user.name), quote(word)));
      return false;
    }
    user.senders.push_back(*pattern);
  }
  if (!line.ended()) {
    line.take(' ');
    line.blame(fmt::format("something follows the senders of {}; expected the end of the line",
                           quote(user.name)));
    return false;
  }
  return true;
}

bool read_entry(Line& line, PasswdFormat format, PasswdEntry& entry) {
  switch (format) {
    case PasswdFormat::kHtpasswd:
      return read_name(line, ':', entry) && read_hash(line, ':', entry);
    case PasswdFormat::kDovecot: {
      if (!read_name(line, ':', entry) || !read_hash(line, ':', entry)) return false;
      constexpr int kUnread = 5;  // uid, gid, gecos, home, shell
      for (int i = 0; i < kUnread; ++i) (void)line.take(':');
      return read_extra_fields(line, entry.user);
    }
    case PasswdFormat::kSmtprelay:
      return read_name(line, ' ', entry) && read_hash(line, ' ', entry) &&
             read_senders(line, entry.user);
  }
  return false;
}

}  // namespace

std::vector<PasswdEntry> read_passwd(std::string_view text, PasswdFormat format,
                                     Problems& problems) {
  std::vector<PasswdEntry> entries;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    std::string_view written = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(written.size() + 1, text.size()));
    if (written.ends_with('\r')) written.remove_suffix(1);
    if (written.starts_with('#') || ascii::trim(written).empty()) continue;
    Line line(written, number, problems);
    PasswdEntry entry;
    if (read_entry(line, format, entry)) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace sallyport::config
