// Typed access to one table of a config. Everything that is wrong becomes a Problem with its place
// and reading goes on, so that one look finds all there is to mend.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/load.h"
#include "proxy/config/schema.h"
#include "proxy/config/tree.h"

namespace sallyport::config {

/// The problems of one file.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  /// `where` may be the empty Place: the file as a whole is to blame.
  void add(Place where, std::string what);
  /// Problems of another file, kept behind ours.
  void append(std::vector<Problem> others);

  const std::string& file() const { return file_; }
  bool empty() const { return problems_.empty() && others_.empty(); }
  /// Ours in the order of their places, then those of other files.
  std::vector<Problem> take() &&;

 private:
  std::string file_;
  std::vector<Problem> problems_;
  std::vector<Problem> others_;
};

/// How a value is read: what it should look like, in words that follow "expected", and a function
/// that gives it or the reason why the node is none. An empty reason leaves it at "is X; expected
/// Y".
template <class T>
struct Form {
  using Value = T;
  std::string expected;
  std::function<std::expected<T, std::string>(const Node&)> read;
  bool secret = false;  ///< Never quote the value.
};

/// An element of an array: its value, where it stands and its path ("route[1].upstreams[2]").
template <class T>
struct Element {
  T value;
  Place place;
  std::string path;
};

/// The value in words: `"text"` (shortened, control characters escaped), `5`, `an array`.
std::string describe(const Node& node);
/// Only its type: `text`, `an integer`.
std::string describe_type(const Node& node);
/// A text of the config as a message quotes it.
std::string quote(std::string_view text);

/// One table, known by its path ("listener[2]", counting from 1; empty for the top level). Unknown
/// keys are reported when it is made. Refers to the node and the problems, which must outlive it.
class Section {
 public:
  Section(const Node& node, std::string path, const Schema& schema, Problems& problems);

  /// Where the table stands; of the top level the empty place.
  Place place() const { return path_.empty() ? Place{} : node_.place; }
  const std::string& path() const { return path_; }
  /// The path of a key in here: `tls.key`.
  std::string path_of(std::string_view key) const;
  /// The path of an element of the array under a key; `index` counts from 0.
  std::string path_of(std::string_view key, std::size_t index) const;
  Problems& problems() const { return problems_; }

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Is there neither a value nor, for an array, an element under `key`?
  bool lacks(std::string_view key) const;
  /// The raw value; `key` must be one of the schema's.
  const Node* find(std::string_view key) const;
  /// Where the value of `key` stands; of the table if there is none.
  Place place_of(std::string_view key) const;

  /// Says what is wrong with `key`: `listener[2].tls WHAT`, at its value or else at the table.
  void blame(std::string_view key, std::string_view what) const;

  /// Reads `key` into `into`, if it is there; false if it isn't there or can't be read.
  template <class T>
  bool read(std::string_view key, T& into, const Form<T>& form) const {
    const Node* node = find(key);
    return node && read_node(*node, path_of(key), into, form);
  }

  /// The same, but a missing key is a problem.
  template <class T>
  bool require(std::string_view key, T& into, const Form<T>& form) const {
    if (!has(key)) missing(key, form.expected);
    return read(key, into, form);
  }

  /// Reads an array; elements that can't be read are left out. With `least_one` an empty array is a
  /// problem. False if the key is not there or is no array.
  template <class T>
  bool read_list(std::string_view key, std::vector<Element<T>>& into, const Form<T>& form,
                 bool least_one = false) const {
    const Array* elements = array(key, form.expected, least_one);
    if (!elements) return false;
    for (std::size_t i = 0; i < elements->size(); ++i) {
      const Node& node = (*elements)[i];
      Element<T> element{.value = {}, .place = node.place, .path = path_of(key, i)};
      if (read_node(node, element.path, element.value, form)) into.push_back(std::move(element));
    }
    return true;
  }

  /// The table under `key`, whose keys are the user's own. Null if it is not there, or is none,
  /// which is a problem.
  const Table* open_table(std::string_view key, std::string_view expected) const;
  /// The same, when nothing else of the elements is needed: `into` has their values then, and stays
  /// as it was otherwise.
  template <class T>
  bool read_values(std::string_view key, std::vector<T>& into, const Form<T>& form,
                   bool least_one = false) const {
    std::vector<Element<T>> elements;
    if (!read_list(key, elements, form, least_one)) return false;
    into.clear();
    into.reserve(elements.size());
    for (Element<T>& element : elements) into.push_back(std::move(element.value));
    return true;
  }

  /// The table under `key`, if it is there and is one.
  std::optional<Section> table(std::string_view key, const Schema& schema) const;
  /// The tables of `[[key]]`; none if it isn't there.
  std::vector<Section> tables(std::string_view key, const Schema& schema) const;

  /// Reports that `key` is not there, unless an unknown key was reported that probably means it.
  void missing(std::string_view key, std::string_view expected) const;

 private:
  template <class T>
  bool read_node(const Node& node, const std::string& path, T& into, const Form<T>& form) const {
    std::expected<T, std::string> value = form.read(node);
    if (value) {
      into = std::move(*value);
      return true;
    }
    refuse(node, path, form.secret, value.error(), form.expected);
    return false;
  }

  void refuse(const Node& node, const std::string& path, bool secret, const std::string& reason,
              const std::string& expected) const;
  const Array* array(std::string_view key, std::string_view expected, bool least_one) const;
  void report_unknown_keys();
  const Table& entries() const { return std::get<Table>(node_.value); }

  const Node& node_;
  std::string path_;
  const Schema& schema_;
  Problems& problems_;
  std::vector<std::string_view> misspelt_;  // known keys that unknown ones are near to
};

}  // namespace sallyport::config
