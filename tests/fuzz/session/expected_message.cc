#include "tests/fuzz/session/expected_message.h"

#include <algorithm>
#include <charconv>
#include <regex>

namespace sallyport::fuzz {
namespace {

constexpr std::string_view kCrlf = "\r\n";

/// The line that begins at `at`, with its CRLF if it has one.
std::string_view line_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find(kCrlf, at);
  return end == text.npos ? text.substr(at) : text.substr(at, end + 2 - at);
}

/// The name of the header field that `line` begins, in upper case; empty if it begins none.
std::string field_name(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 127 && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  const bool is_field = end > 0 && colon < line.size() && line[colon] == ':' && colon <= 998;
  return is_field ? upper(line.substr(0, end)) : std::string();
}

bool is_folded(std::string_view line) { return line.front() == ' ' || line.front() == '\t'; }

struct Field {
  std::string name;  // in upper case
  std::string text;  // whole, with all its lines
};

/// The line that an mbox file has before a message, or may have.
bool is_mbox_line(std::string_view line) {
  if (!line.ends_with(kCrlf)) return false;
  while (line.starts_with('>')) line.remove_prefix(1);
  return line.size() > 5 && upper(line.substr(0, 4)) == "FROM" && is_folded(line.substr(4));
}

/// It has the date of one, behind something like an address.
bool is_dated(std::string_view line) {
  static const std::regex form(
      "[^ \\t]+[ \\t]+[^ \\t]+[ \\t]+(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ \\t]+"
      "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)([ \\t\\r\\n][^]*)?");
  return std::regex_match(line.begin(), line.end(), form);
}

/// The line begins a field, or did before something damaged it.
bool is_damaged_field(std::string_view line) {
  static const std::regex form("[ \\t]*(\xef\xbb\xbf[ \\t]*)?[^\\x00- :\\x7f]+[ \\t]*:[^]*");
  return std::regex_match(line.begin(), line.end(), form);
}

/// The header section: what it is made of, where the body begins, and the number of the line that
/// should not be where it is, or 0.
struct Section {
  std::vector<Field> fields = {};
  std::size_t body = 0;
  std::size_t broken = 0;
};

Section section_of(std::string_view text) {
  Section section;
  std::size_t at = 0;
  std::size_t number = 1;  // of the line at `at`
  bool in_field = false;
  std::size_t mbox = text.npos;  // where lines begin that may be of an mbox file
  std::size_t mbox_number = 0;
  while (at < text.size()) {
    const std::string_view line = line_at(text, at);
    const std::string name = in_field && is_folded(line) ? std::string() : field_name(line);
    if (in_field && is_folded(line)) {
      section.fields.back().text += line;
    } else if (!name.empty()) {
      section.fields.push_back({.name = name, .text = std::string(line)});
      in_field = true;
      mbox = text.npos;
    } else if (is_mbox_line(line)) {
      if (mbox == text.npos) {
        mbox = at;
        mbox_number = number;
      }
      in_field = false;
    } else {
      break;
    }
    at += line.size();
    ++number;
  }
  section.body = at;
  const bool is_text = mbox != text.npos && !is_dated(line_at(text, mbox));
  if (is_text) {
    section.body = mbox;
    number = mbox_number;
  }
  // What begins without an empty line is looked through up to the first one.
  if (section.body == text.size() || line_at(text, section.body) == kCrlf) return section;
  for (std::size_t here = section.body; here < text.size();) {
    const std::string_view line = line_at(text, here);
    if (line == kCrlf) break;
    const bool first = here == section.body;
    if (first ? is_damaged_field(line) : !field_name(line).empty()) section.broken = number;
    here += line.size();
  }
  return section;
}

bool removes(const HeaderWork& work, std::string_view name) {
  if (name == "BCC" || name == "RESENT-BCC") return true;
  const auto is = [&](const std::string& other) { return upper(other) == name; };
  const bool removed = std::ranges::any_of(work.removed, is);
  return removed ||
         std::ranges::any_of(work.added, [&](const auto& field) { return is(field.first); });
}

bool removes_received(const HeaderWork& work) { return removes(work, "RECEIVED"); }

/// The names that the trace fields must have, in order.
std::vector<std::string> names_due(std::string_view text, const HeaderWork& work) {
  std::vector<std::string> due = {"RECEIVED"};
  const bool tells = count_fields(text, "RECEIVED") > 0;
  if (removes_received(work) && tells) due.emplace_back("X-RECEIVED-REMOVED");
  for (const char* const name : {"DATE", "MESSAGE-ID"}) {
    if (removes(work, name) || count_fields(text, name) == 0) due.emplace_back(name);
  }
  for (const auto& [name, value] : work.added) due.push_back(upper(name));
  return due;
}

/// Does the first line of Received say where the client is, or that nobody shall know?
bool names_client(std::string_view received, const HeaderWork& work, const Address& client) {
  const std::string_view line = line_at(received, 0);
  if (work.hides_client) return line == "Received: from client.invalid\r\n";
  const std::size_t bracket = line.rfind("([");
  if (bracket == line.npos || !line.ends_with("])\r\n")) return false;
  std::string_view literal = line.substr(bracket + 2, line.size() - 4 - bracket - 2);
  if (literal.starts_with("IPv6:")) literal.remove_prefix(5);
  return Address::read(literal) == client;
}

/// At least as many as there were; not more where nobody told of some before.
bool tells_how_many(std::string_view field, std::string_view text) {
  const std::string_view digits = field.substr(field.find(':') + 2);
  std::size_t told = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), told);
  if (error != std::errc() || std::string_view(end, 2) != kCrlf) return false;
  const std::size_t seen = count_fields(text, "RECEIVED");
  return count_fields(text, "X-RECEIVED-REMOVED") > 0 ? told >= seen : told == seen;
}

}  // namespace

std::string upper(std::string_view text) {
  std::string raised(text);
  std::ranges::transform(raised, raised.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return raised;
}

bool is_clean(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return false;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
  }
  return true;
}

bool is_clean_content(std::string_view text, bool binary) {
  if (!binary) return is_clean(text);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view line = line_at(text, at);
    at += line.size();
    if (line == kCrlf) break;
  }
  return is_clean(text.substr(0, at));
}

std::string mended(std::string_view line) {
  std::string text;
  while (!line.empty()) {
    const std::size_t crs = std::min(line.find_first_not_of('\r'), line.size());
    const bool line_feed = crs < line.size() && line[crs] == '\n';
    // CRs before an LF are one line end with it, all others one each.
    for (std::size_t i = line_feed ? 1 : crs; i > 0; --i) text += kCrlf;
    if (crs == 0 && !line_feed) text += line.front();
    line.remove_prefix(std::max<std::size_t>(crs + (line_feed ? 1 : 0), 1));
  }
  return text;
}

int header_fault(std::string_view text) {
  if (section_of(text).broken != 0) return 554;
  return count_fields(text, "FROM") > 1 ? 550 : 0;
}

std::size_t count_fields(std::string_view text, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count(section_of(text).fields, name, &Field::name));
}

std::string handed_on(std::string_view text, const HeaderWork& work) {
  std::string kept;
  const Section section = section_of(text);
  const std::size_t body = section.body;
  for (const Field& field : section.fields) {
    // How many were removed is told anew.
    const bool told_anew = field.name == "X-RECEIVED-REMOVED" && removes_received(work);
    if (!removes(work, field.name) && !told_anew) kept += field.text;
  }
  if (body < text.size() && line_at(text, body) != kCrlf) kept += kCrlf;
  return kept.append(text.substr(body));
}

const char* fault_in_trace(std::string_view trace, std::string_view text, const HeaderWork& work,
                           const Address& client) {
  if (!trace.ends_with(kCrlf) || !is_clean(trace)) return "the trace fields are broken";
  const Section section = section_of(trace);
  const std::vector<Field>& fields = section.fields;
  if (section.body != trace.size()) return "the trace fields end in something else";
  std::vector<std::string> due = names_due(text, work);
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name);
  // The fields that told of removed ones may have told of none.
  const bool may_tell = removes_received(work) && count_fields(text, "X-RECEIVED-REMOVED") > 0;
  if (may_tell && due.size() < names.size()) due.insert(due.begin() + 1, "X-RECEIVED-REMOVED");
  if (names != due) return "other trace fields are there than are due";
  if (!names_client(fields.front().text, work, client)) return "Received names another client";
  for (const Field& field : fields) {
    if (field.name == "X-RECEIVED-REMOVED" && !tells_how_many(field.text, text)) {
      return "the number of removed Received fields is wrong";
    }
    const std::string& domain = work.message_id_domain;
    if (field.name == "MESSAGE-ID" && !domain.empty() &&
        !field.text.ends_with('@' + domain + ">\r\n")) {
      return "Message-ID has another domain";
    }
  }
  for (std::size_t i = 0; i < work.added.size(); ++i) {
    const auto& [name, value] = work.added[i];
    const std::string& field = fields[fields.size() - work.added.size() + i].text;
    if (field != name + ": " + value + "\r\n") return "another field was added";
  }
  return nullptr;
}

}  // namespace sallyport::fuzz
