// Configuration out of environment variables: a whole one for the simple case, where there is no
// file, and single keys, which overrule the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/config/tree.h"

namespace sallyport::config {

/// Is SALLYPORT_PROVIDER set, without which there is no configuration in variables?
bool is_configured_by(const Outside& outside);

/// A configuration made of the variables of the simple case; names that are nearly one of theirs
/// are problems.
struct Document {
  std::string text;                ///< TOML.
  std::vector<std::string> names;  ///< For each line the variable it was made from; empty: none.
  std::vector<Problem> problems;   ///< What is wrong with variables before they are read as TOML.
};
Document document_of(const Outside& outside);

/// What is wrong if there is a configuration in variables, and one in this file, too. Other
/// variables of the simple case may be ones that the file itself names.
std::optional<Problem> stands_beside(const Outside& outside, const std::string& file);

/// What `overlay` has put into a document.
struct Overlay {
  std::vector<std::string> names;  ///< Of the variables.
  std::vector<Problem> problems;   ///< Variables that name no place.
};

/// Puts `SALLYPORT__SECTION__KEY` variables into a document, in the place of what is there. The
/// value is TOML, or else a text; tables of an array are counted from 1. Each value stands in the
/// line that is `kFirstLine` and the index of its variable in `names`.
inline constexpr std::uint32_t kFirstLine = 100'000'000;
Overlay overlay(Node& document, const Outside& outside);

}  // namespace sallyport::config
