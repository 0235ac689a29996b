// Message content by BDAT: RFC 3030. What frames it are numbers, not octets.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::smtp {

/// Takes the octets of a message's chunks, in any split, and never one beyond the chunk that was
/// begun. Octets pass as they are; what breaks the form of text is remembered, and the message must
/// be refused.
///
/// Content that was declared binary may hold anything behind its header section, which is made of
/// lines in any case; it ends with the first empty line.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(bool binary) : binary_(binary) {}

  /// A BDAT command was accepted: `size` octets follow it. Only when `finished`, and never behind
  /// the last chunk.
  void begin(std::uint64_t size, bool last);
  /// Takes from the front of `wire` (which shrinks) until the chunk or `wire` ends. Appends to
  /// `pieces` a view into `wire`'s octets. The pieces of all calls, joined, are the message.
  void feed(std::string_view& wire, std::vector<std::string_view>& pieces);

  /// The chunk that was begun last was read: what is left of `wire` are commands again.
  bool finished() const { return left_ == 0; }
  /// It was the last one: the message is whole.
  bool complete() const { return last_ && left_ == 0; }
  /// The content broke RFC 5321 section 2.3.8: a bare CR or LF where there should be lines.
  bool has_bare_line_end() const { return bare_line_end_; }
  /// The content has a NUL where there should be lines.
  bool has_nul() const { return nul_; }
  /// The content has an octet above 127.
  bool has_8bit() const { return has_8bit_; }
  /// The content was declared binary, and is: it has a NUL, a bare CR or a bare LF in its body.
  bool is_binary() const { return is_binary_; }
  /// Octets taken so far: the message size of RFC 1870.
  std::uint64_t size() const { return size_; }

 private:
  /// Octets at the front of `octets` that belong to the header section.
  std::size_t read_header(std::string_view octets);
  /// Marks what `octets` hold; they follow those of the call before.
  void scan(std::string_view octets, bool lines);
  void mark(bool bare_line_end, bool nul, bool lines);
  void end();

  const bool binary_;
  bool last_ = false;
  bool in_header_ = true;  // of binary content
  bool line_is_empty_ = true;
  bool bare_line_end_ = false;
  bool nul_ = false;
  bool has_8bit_ = false;
  bool is_binary_ = false;
  char before_ = '\n';   // the last octet that `read_header` has seen
  char scanned_ = '\n';  // the last octet that `scan` has seen
  std::uint64_t left_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace sallyport::smtp
