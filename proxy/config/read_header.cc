// [listener.header]: what becomes of the header section of messages that come in by a listener.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

constexpr std::size_t kMostLine = 998;  // RFC 5322 section 2.1.1, without CRLF
constexpr std::string_view kFieldText =
    "text of printable ASCII, without blanks at its ends, that makes a line of at most 998 octets "
    "with its name";
constexpr std::string_view kFields =
    "a table of field names and their text, such as { \"X-Environment\" = \"production\" }";

// What a message says of itself, or what we or others on the way say of it.
constexpr std::array<std::string_view, 13> kOfEachMessage = {"Date",
                                                             "From",
                                                             "Sender",
                                                             "To",
                                                             "Cc",
                                                             "Bcc",
                                                             "Message-ID",
                                                             "In-Reply-To",
                                                             "Subject",
                                                             "Received",
                                                             "Return-Path",
                                                             "References",
                                                             "X-Received-Removed"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(
      names, [name](std::string_view other) { return ascii::equals_ignoring_case(name, other); });
}

/// Without these the body means something else: RFC 2045 sections 3 to 6.
bool describes_body(std::string_view name) {
  return ascii::equals_ignoring_case(name, "MIME-Version") ||
         ascii::starts_with_ignoring_case(name, "Content-");
}

bool is_field_text(std::string_view name, std::string_view text) {
  return !text.empty() && text == ascii::trim(text) && name.size() + 2 + text.size() <= kMostLine &&
         std::ranges::all_of(text, [](char c) { return (c >= 32 && c < 127) || c == '\t'; });
}

Form<std::string> removed_field_form() {
  return {.expected = std::string(kFieldName),
          .read = [](const Node& node) -> std::expected<std::string, std::string> {
            const auto* name = std::get_if<std::string>(&node.value);
            if (!name || !is_field_name(*name)) return std::unexpected("");
            if (ascii::equals_ignoring_case(*name, "From")) {
              return std::unexpected("a message must have it");
            }
            if (describes_body(*name)) {
              return std::unexpected("the body cannot be read without it");
            }
            return *name;
          }};
}

}  // namespace

void read_fields(const Section& section, std::string_view key, std::vector<HeaderField>& into) {
  const Table* table = section.open_table(key, kFields);
  if (!table) return;
  std::map<std::string, std::string> first;  // names in lower case, as they are written
  for (const Entry& entry : table->entries) {
    const std::string path = fmt::format("{}.{}", section.path_of(key), quote(entry.key));
    const auto blame_name = [&](std::string_view what) {
      section.problems().add(entry.place, fmt::format("{} {}", path, what));
    };
    if (!is_field_name(entry.key)) {
      blame_name(fmt::format("is no field; expected {}", kFieldName));
      continue;
    }
    if (is_one_of(kOfEachMessage, entry.key) || describes_body(entry.key) ||
        ascii::starts_with_ignoring_case(entry.key, "Resent-")) {
      blame_name("is a field that belongs to each message; expected one that is the same for all");
      continue;
    }
    const auto [other, is_new] = first.emplace(ascii::lower(entry.key), entry.key);
    if (!is_new) {
      blame_name(fmt::format("is the same field as {}; expected each once", quote(other->second)));
      continue;
    }
    const auto* text = std::get_if<std::string>(&entry.value.value);
    if (!text || !is_field_text(entry.key, *text)) {
      section.problems().add(entry.value.place, fmt::format("{} is {}; expected {}", path,
                                                            describe(entry.value), kFieldText));
      continue;
    }
    into.push_back({.name = entry.key, .text = *text});
  }
}

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() < kMostLine &&
         std::ranges::all_of(name, [](char c) { return c > 32 && c < 127 && c != ':'; });
}

void read_header(const Section& section, HeaderRules& rules) {
  section.read_values("remove", rules.remove, removed_field_form());
  read_fields(section, "add", rules.add);
  section.read("message_id_domain", rules.message_id_domain, domain_form());
  section.read("hide_client", rules.hide_client, boolean_form());
}

}  // namespace sallyport::config
