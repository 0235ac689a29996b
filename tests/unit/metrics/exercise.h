// A registry in which everything that can be counted was counted: what the tests of names look at.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "metrics/metrics.h"

namespace sallyport::metrics {

/// A registry whose every family has a series.
std::unique_ptr<Registry> exercised_registry();

/// The names of the families in an exposition, from its TYPE lines.
std::set<std::string> family_names(const std::string& exposition);

}  // namespace sallyport::metrics
