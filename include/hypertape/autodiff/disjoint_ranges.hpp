#pragma once

#include <cstdint>

#include "hypertape/core/shape.hpp"

namespace hypertape::inline HYPERTAPE_ABI::detail {

/// A set of ranges that do not overlap, in memory provided by its user. It is a treap: a binary tree ordered by
/// position, with the shape that random insertion would give, whatever the actual order. Both functions take
/// logarithmic time.
class DisjointRanges {
 public:
  /// A range of the set, allocated by the user.
  struct Node {
    Range range;
    Node *left = nullptr, *right = nullptr;
  };

  /// Whether a range shares a position with a range of the set. Neither may be empty.
  bool overlaps(const Range& range) const {
    for (const Node* node = root_; node != nullptr;) {
      if (range.begin < node->range.end && node->range.begin < range.end) return true;
      node = range.begin < node->range.begin ? node->left : node->right;
    }
    return false;
  }

  /// Adds a range that overlaps none of the set. The node must live as long as the set.
  void insert(Node* node) {
    const Index begin = node->range.begin;
    Node** link = &root_;
    while (*link != nullptr && priority(**link) >= priority(*node)) {
      link = begin < (*link)->range.begin ? &(*link)->left : &(*link)->right;
    }
    Node* below = *link;  // split at `begin` below
    *link = node;
    Node **left = &node->left, **right = &node->right;
    while (below != nullptr) {
      if (below->range.begin < begin) {
        *left = below;
        left = &below->right;
        below = below->right;
      } else {
        *right = below;
        right = &below->left;
        below = below->left;
      }
    }
    *left = *right = nullptr;
  }

 private:
  /// A pseudo-random number that depends only on the position; parents have larger ones than their children.
  static std::uint64_t priority(const Node& node) {
    auto z = static_cast<std::uint64_t>(node.range.begin) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
    return z ^ (z >> 32);
  }

  Node* root_ = nullptr;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::detail
