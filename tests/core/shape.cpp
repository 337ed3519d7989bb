#include "hypertape/core/shape.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <span>

#include "hypertape/core/tensor.hpp"

using namespace hypertape;

TEST_CASE("Shape: extents, size, rank and features") {
  const Shape shape{10, 3, 4, 5};
  CHECK(shape.rank() == 4);
  CHECK(shape.size() == 600);
  CHECK(shape.features() == 60);
  CHECK(shape.extents().size() == 4);
  CHECK(shape.extents()[2] == 4);
}

TEST_CASE("Shape: a scalar has rank 0 and one element") {
  const Shape scalar;
  CHECK(scalar.rank() == 0);
  CHECK(scalar.size() == 1);
  CHECK(scalar.features() == 1);
  CHECK(scalar == Shape{});
}

TEST_CASE("Shape: axes past the last have extent 1") {
  const Shape matrix{7, 2};
  CHECK(matrix[1] == 2);
  CHECK(matrix[2] == 1);
  CHECK(matrix[5] == 1);
}

TEST_CASE("Shape: equal only with the same rank and extents") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2} != Shape{2, 1});
  CHECK(Shape{} != Shape{1});
}

TEST_CASE("Shape: the layout is part of it, where the two differ") {
  const Shape parameter{2, 3}, batch = Shape::batch(2, 3);
  CHECK(parameter.layout() == Layout::row_major);
  CHECK(batch.layout() == Layout::samples_innermost);
  CHECK(parameter != batch);
  CHECK(parameter.same_extents(batch));
  CHECK(parameter.with_layout(Layout::samples_innermost) == batch);
  CHECK((parameter.is_row_major() && !parameter.is_batch()));
  CHECK((batch.is_batch() && !batch.is_row_major()));
  for (const Shape& either : {Shape{}, Shape{5}, Shape{1, 5}, Shape{5, 1}, Shape{1, 2, 3, 4}, Shape{5, 1, 1}}) {
    CHECK(either == either.with_layout(Layout::samples_innermost));
    CHECK((either.is_batch() && either.is_row_major()));
  }
  CHECK(!Shape{2, 1, 2}.is_batch());
}

TEST_CASE("Shape: channels innermost, where that differs") {
  constexpr auto row_major = Layout::row_major, samples = Layout::samples_innermost,
                 channels = Layout::channels_innermost;
  const Shape images = Shape{2, 3, 4, 5}.with_layout(channels);
  CHECK(images != Shape{2, 3, 4, 5});
  CHECK(images != Shape::batch(2, 3, 4, 5));
  CHECK((!images.is_row_major() && !images.is_batch() && images.has_order(channels)));
  CHECK(images.str() == "channels innermost (2, 3, 4, 5)");
  for (const Shape& row : {Shape{2, 1, 4, 5}, Shape{2, 3, 1, 1}, Shape{2, 3}, Shape{7}, Shape{}}) {
    CHECK(row.with_layout(channels) == row);  // one channel, or one position
    CHECK(row.with_layout(channels).is_row_major());
  }
  CHECK(Shape{2, 1, 4, 5}.with_layout(channels) != Shape::batch(2, 1, 4, 5));
  CHECK(Shape{1, 3, 4, 5}.with_layout(channels) != Shape::batch(1, 3, 4, 5));
  CHECK(Shape{1, 1, 4, 5}.with_layout(channels) == Shape::batch(1, 1, 4, 5));
  // Two shapes are equal exactly if every element lies in the same place.
  for (const Shape& extents : {Shape{2, 3, 2, 2}, Shape{1, 3, 2, 2}, Shape{2, 1, 2, 2}, Shape{2, 3, 1, 1}, Shape{2, 3},
                               Shape{1, 3}, Shape{3, 1}, Shape{4}, Shape{1, 1, 3, 1}, Shape{3, 1, 1, 2}}) {
    for (const Layout a : {row_major, samples, channels}) {
      for (const Layout b : {row_major, samples, channels}) {
        const Shape one = extents.with_layout(a), other = extents.with_layout(b);
        bool same = true;
        for (Index i = 0; i < extents.size(); ++i) {
          const Index w = i % extents[3], h = i / extents[3] % extents[2];
          const Index c = i / (extents[2] * extents[3]) % extents[1], n = i / extents.features();
          same = same && detail::offset_of(one, n, c, h, w) == detail::offset_of(other, n, c, h, w);
        }
        CAPTURE(one);
        CAPTURE(other);
        CHECK((one == other) == same);
      }
    }
  }
}

TEST_CASE("Shape: str and the stream operator") {
  CHECK(Shape{}.str() == "()");
  CHECK(Shape{5}.str() == "(5)");
  CHECK(Shape::batch(10, 3).str() == "batch (10, 3)");
  CHECK(Shape::batch(1, 3).str() == "(1, 3)");
  CHECK(hypertape::detail::concat(Shape{10, 1, 28, 28}) == "(10, 1, 28, 28)");
}

TEST_CASE("Shape: with_samples changes axis 0 only") {
  CHECK(Shape::batch(10, 3, 4).with_samples(2) == Shape::batch(2, 3, 4));
  CHECK_THROWS_WITH_AS(Shape({10, 3}).with_samples(2),
                       "Shape: (10, 3) is row-major; only a batch can change its number of samples", ShapeError);
  CHECK_THROWS_WITH_AS(Shape({4, 3, 2, 2}).with_layout(Layout::channels_innermost).with_samples(2),
                       "Shape: channels innermost (4, 3, 2, 2) has its channels innermost; only a batch can change its "
                       "number of samples",
                       ShapeError);
  CHECK_THROWS_WITH_AS(Shape::batch(10, 3).with_samples(0), "Shape: every extent must be at least 1, got batch (0, 3)",
                       ShapeError);
}

TEST_CASE("Shape: other numbers of samples") {
  CHECK(Shape::batch(2, 3).with_samples(5) == Shape::batch(5, 3));
  CHECK(Shape{1, 3}.with_samples(5) == Shape::batch(5, 3));
  CHECK_THROWS_WITH_AS(Shape{}.with_samples(5), "Shape: a scalar has no axis of samples", ShapeError);
}

TEST_CASE("Shape: five extents are the most") {
  CHECK(Shape{1, 2, 3, 4, 5}.size() == 120);  // must_not_compile/six_extents.cpp has one more
  const std::array<Index, 6> six = {1, 2, 3, 4, 5, 6};
  CHECK_THROWS_WITH_AS(Shape(std::span<const Index>(six)), "Shape: at most 5 extents, got 6", ShapeError);
}

TEST_CASE("Shape: an extent below 1 is an error") {
  CHECK_THROWS_WITH_AS(Shape({2, 0}), "Shape: every extent must be at least 1, got (2, 0)", ShapeError);
  CHECK_THROWS_WITH_AS(Shape{-1}, "Shape: every extent must be at least 1, got (-1)", ShapeError);
}

TEST_CASE("Shape: a number of elements that overflows is an error") {
  constexpr Index largest = std::numeric_limits<Index>::max();
  CHECK(Shape{largest}.size() == largest);
  CHECK_THROWS_WITH_AS(Shape({Index{1} << 32, Index{1} << 31}),
                       "Shape: the number of elements of (4294967296, 2147483648) overflows", ShapeError);
  CHECK_THROWS_AS(Shape({2, largest}), ShapeError);
}

TEST_CASE("Range: its size is the number of indices") { CHECK(Range{3, 8}.size() == 5); }

TEST_CASE("part_of: the parts follow one another, and their lengths differ by one at most") {
  for (Index count = 0; count <= 20; ++count) {
    for (Index parts = 1; parts <= 7; ++parts) {
      Index reached = 0;
      for (Index part = 0; part < parts; ++part) {
        const Range range = hypertape::detail::part_of(count, part, parts);
        CHECK(range.begin == reached);
        CHECK((range.size() == count / parts || range.size() == (count + parts - 1) / parts));
        reached = range.end;
      }
      CHECK(reached == count);
    }
  }
}
