// Lists of `tag=value;` as DKIM keys, DMARC, MTA-STS and TLS-RPT records have them. Pure: what came
// from the network is parsed here and nowhere else in this room.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::doctor {

/// One tag. RFC 6376 section 3.2: white space around name and value does not count.
struct Tag {
  std::string name;   ///< As written; tags have case.
  std::string value;  ///< As written.

  bool operator==(const Tag&) const = default;
};

/// The tags of a record in their order.
class Tags {
 public:
  explicit Tags(std::vector<Tag> tags) : tags_(std::move(tags)) {}

  /// The value of the first tag of this name.
  std::optional<std::string_view> find(std::string_view name) const;
  const std::vector<Tag>& all() const { return tags_; }

 private:
  std::vector<Tag> tags_;
};

/// Reads a record; the error says what is wrong with it.
std::expected<Tags, std::string> parse_tags(std::string_view text);

/// Does `text` begin with the tag `v=version`, so that it is a record of this kind, however broken?
bool has_version(std::string_view text, std::string_view version);

}  // namespace sallyport::doctor
