# Prints a picture file as viewer.pl prints what it sees.
use strict;
use warnings;
use Image::Imlib2;

my $seen = Image::Imlib2->load( $ARGV[0] );
binmode STDOUT;
print pack 'nn', $seen->width, $seen->height;
for my $y ( 0 .. $seen->height - 1 ) {
    print pack 'C*', map { ( $seen->query_pixel( $_, $y ) )[ 0 .. 2 ] } 0 .. $seen->width - 1;
}
