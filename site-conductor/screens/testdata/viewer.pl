# A viewer by Debian's Net::VNC: HOST PORT PASSWORD [KEYSYM…]. Presses each key, and prints what it sees in the end: width, height (two bytes each), then
# red, green and blue of every pixel.
use strict;
use warnings;
use Net::VNC;

my ( $host, $port, $password, @keys ) = @ARGV;
my $viewer = Net::VNC->new( { hostname => $host, port => $port, password => $password, hide_cursor => 1 } );
$viewer->depth(24);
$viewer->login;
my $seen = $viewer->capture;
for my $key (@keys) {
    $viewer->send_key_event($key);
    $seen = $viewer->capture for 1 .. 3;
}
binmode STDOUT;
print pack 'nn', $viewer->width, $viewer->height;
for my $y ( 0 .. $viewer->height - 1 ) {
    print pack 'C*', map { ( $seen->query_pixel( $_, $y ) )[ 0 .. 2 ] } 0 .. $viewer->width - 1;
}
