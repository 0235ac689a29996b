#include "proxy/config/sections.h"

#include <fmt/format.h>

#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/config/forms.h"

namespace sallyport::config {
namespace {

Result<void> readable(const Outside& outside, const std::string& path) {
  if (outside.readable) return outside.readable(path);
  Result<std::string> content = outside.read_file(path);
  if (!content) return fail(std::move(content.error()));
  wipe(*content);  // it may be a private key
  return {};
}

}  // namespace

std::string Names::key_of(const std::string& name) const {
  return letters_ == Case::kIgnored ? ascii::lower(name) : name;
}

std::optional<std::string> Names::note(const std::string& name, Place place) {
  const auto [entry, inserted] =
      first_.try_emplace(key_of(name), First{name, fmt::format("line {}", place.line)});
  if (inserted) return std::nullopt;
  const First& first = entry->second;
  const std::string spelled =
      first.name == name
          ? std::string()
          : fmt::format(" as {}: names are compared without regard to case", quote(first.name));
  return fmt::format("is {}, which {} has already{}; expected another one", quote(name),
                     first.where, spelled);
}

void Names::take(const Section& section, std::string_view key, const std::string& name) {
  if (const auto fault = note(name, section.place_of(key))) section.blame(key, *fault);
}

void Names::take(Problems& problems, Place place, const std::string& name) {
  if (const auto fault = note(name, place)) problems.add(place, "the name " + *fault);
}

void Names::taken(const std::string& name, std::string where) {
  first_.try_emplace(key_of(name), First{name, std::move(where), true});
}

void Names::next_file(const std::string& file) {
  for (auto& [key, first] : first_) {
    if (!std::exchange(first.file_said, true)) first.where += " of " + file;
  }
}

void require_readable_file(const Section& section, std::string_view key, const Outside& outside,
                           std::string& into, std::string_view expected) {
  const auto form = path_form(std::string(expected), section.problems().file());
  if (!section.require(key, into, form)) return;
  if (const auto opened = readable(outside, into); !opened) {
    section.blame(key, fmt::format("is {}, which cannot be read: {}; expected {}", quote(into),
                                   opened.error().text, form.expected));
  }
}

}  // namespace sallyport::config
