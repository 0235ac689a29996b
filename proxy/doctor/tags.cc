#include "proxy/doctor/tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"

namespace sallyport::doctor {
namespace {

/// Also line ends: records that were pasted together have them.
std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return ascii::is_wsp(c) || c == '\r' || c == '\n'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_tag_name(std::string_view name) {
  return !name.empty() && ascii::is_alpha(name.front()) &&
         std::ranges::all_of(name, [](char c) { return ascii::is_alnum(c) || c == '_'; });
}

/// Takes what stands before the next `;` off the front of `text`.
std::string_view next_part(std::string_view& text) {
  const auto end = text.find(';');
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

}  // namespace

std::optional<std::string_view> Tags::find(std::string_view name) const {
  const auto found = std::ranges::find(tags_, name, &Tag::name);
  if (found == tags_.end()) return std::nullopt;
  return found->value;
}

std::expected<Tags, std::string> parse_tags(std::string_view text) {
  std::vector<Tag> tags;
  while (!text.empty()) {
    const std::string_view part = trim(next_part(text));
    if (part.empty()) continue;  // a ';' at the end, or one too many
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) {
      return std::unexpected(fmt::format("\"{}\" has no \"=\"", part));
    }
    const std::string_view name = trim(part.substr(0, equals));
    if (!is_tag_name(name)) return std::unexpected(fmt::format("\"{}\" is no tag", name));
    if (std::ranges::find(tags, name, &Tag::name) != tags.end()) {
      return std::unexpected(fmt::format("the tag \"{}\" is there twice", name));
    }
    tags.push_back(
        {.name = std::string(name), .value = std::string(trim(part.substr(equals + 1)))});
  }
  return Tags(std::move(tags));
}

bool has_version(std::string_view text, std::string_view version) {
  std::string_view first = trim(next_part(text));
  if (!first.starts_with('v')) return false;
  first = trim(first.substr(1));
  return first.starts_with('=') && ascii::equals_ignoring_case(trim(first.substr(1)), version);
}

}  // namespace sallyport::doctor
