// The records of DNS that `sallyport doctor` reads: SPF, DKIM, DMARC, and lists of tags. They come
// from whoever owns a domain. Properties: what is read can be written down and is read again as the
// same; a record is one of a kind whatever is behind it.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/doctor/dkim.h"
#include "proxy/doctor/dmarc.h"
#include "proxy/doctor/spf.h"
#include "proxy/doctor/tags.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sallyport::doctor;

void check_tags(std::string_view record) {
  const auto tags = parse_tags(record);
  if (!tags) {
    FUZZ_CHECK(!tags.error().empty());
    return;
  }
  std::string written;
  for (const Tag& tag : tags->all()) {
    FUZZ_CHECK(!tag.name.empty());
    FUZZ_CHECK(tag.value.find(';') == std::string::npos);
    written += tag.name + '=' + tag.value + "; ";
  }
  const auto again = parse_tags(written);
  FUZZ_CHECK(again.has_value() && again->all() == tags->all());
}

void check_spf(std::string_view record) {
  const auto terms = parse_spf(record);
  FUZZ_CHECK(terms.has_value() || !terms.error().empty());
  if (terms) FUZZ_CHECK(is_spf(record));
  if (terms) FUZZ_CHECK(parse_spf(std::string(record) + "  ").has_value());
  // A term that is none makes every record wrong.
  FUZZ_CHECK(!parse_spf(std::string(record) + " no-mechanism").has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view record = sallyport::fuzz::text(data, size);
  check_tags(record);
  check_spf(record);
  const auto policy = parse_dmarc(record);
  if (policy) {
    FUZZ_CHECK(is_dmarc(record));
    FUZZ_CHECK(policy->percent >= 0 && policy->percent <= 100);
  }
  const auto key = parse_dkim_key(record);
  if (key) FUZZ_CHECK(key->bits <= size * 8);
  (void)is_dkim_key(record);
  return 0;
}
