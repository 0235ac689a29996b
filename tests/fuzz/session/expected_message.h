// What must become of a message on its way through, by RFC 5322, RFC 6409 section 8 and the header
// work of docs/configuration.md. A part of the oracle: shares no code with the gateway.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/session/expected_client.h"

namespace sallyport::fuzz {

/// `[listener.header]`.
struct HeaderWork {
  std::vector<std::string> removed = {};                        ///< Names.
  std::vector<std::pair<std::string, std::string>> added = {};  ///< Names and texts.
  std::string message_id_domain = {};                           ///< Of Message-IDs that are added.
  bool hides_client = false;
};

/// In upper case; octets beyond ASCII stay as they are.
std::string upper(std::string_view text);

/// RFC 5321 section 2.3.8: CR and LF only together, and RFC 5322 section 4: no NUL.
bool is_clean(std::string_view text);

/// The whole is lines of text; of a message that was declared binary, its header section is.
bool is_clean_content(std::string_view text, bool binary);

/// `line` with CRLF in the place of each LF, with the CRs before it, and of each other CR.
std::string mended(std::string_view line);

/// The code that refuses `text` for its header section: 554 for a line that is no field where
/// fields follow, or that is a damaged one; 550 for two From fields; 0 for neither.
int header_fault(std::string_view text);

/// Fields of this name, in upper case, in the header section of `text`.
std::size_t count_fields(std::string_view text, std::string_view name);

/// What is handed on of `text`: no Bcc field, none that is removed or that others stand in for, no
/// line of an mbox file, and an empty line where the header section ends.
std::string handed_on(std::string_view text, const HeaderWork& work);

/// What is wrong with the fields that were put before `text`; null: nothing. Whatever the client
/// said, they are Received, what else is due, and what is added, once each and in this order.
const char* fault_in_trace(std::string_view trace, std::string_view text, const HeaderWork& work,
                           const Address& client);

}  // namespace sallyport::fuzz
