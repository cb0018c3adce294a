#!/usr/bin/env perl
# const stands before the type that it qualifies: `const T& x`, not `T const& x`. clang-format 14
# does this for some types only.
#   scripts/west_const.pl FILE..          rewrites the files
#   scripts/west_const.pl --check FILE..  names the places, and fails where there is one
# Of a page of Markdown it reads the blocks of C++.
use strict;
use warnings;

my $check = @ARGV && $ARGV[0] eq '--check' && shift @ARGV;

# Words that may stand before a const that is where it belongs.
my %no_type = map { $_ => 1 } qw(
    alignas and case co_return co_yield constexpr consteval constinit const_cast decltype default
    delete do else explicit extern final friend goto if inline mutable new noexcept not operator or
    override private protected public register requires return sizeof static template thread_local
    throw typedef typename using virtual volatile while
);
my %built_in = map { $_ => 1 } qw(char double int long short signed unsigned);

# The text with comments, strings and characters made blank, so that places stay the same.
sub masked {
    my ($text) = @_;
    $text =~ s{
        ( R"([^(\s]*)\(.*?\)\2"
        | "(?:\\.|[^"\\\n])*"
        | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'
        | //[^\n]*
        | /\*.*?\*/ )
    }{ (my $blank = $1) =~ s/[^\n]/\x01/g; $blank }gsex;
    return $text;
}

# Blank too: all of a page but its blocks of C++.
sub masked_page {
    my ($text) = @_;
    my ($result, $code) = ('', 0);
    for my $line (split /(?<=\n)/, $text) {
        if ($line =~ /^ *```(\w*)/) {
            $code = !$code && $1 eq 'cpp';
            $line =~ s/[^\n]/\x01/g;
        } elsif (!$code) {
            $line =~ s/[^\n]/\x01/g;
        }
        $result .= $line;
    }
    return masked($result);
}

# Where the type begins that ends before $end, or nothing where no type ends there.
sub type_before {
    my ($text, $end) = @_;
    my $at = $end;
    while (1) {
        if (substr($text, 0, $at) =~ />\s*$/) { # back to the < of this >
            $at = $-[0] + 1;
            return if $at > 1 && substr($text, $at - 2, 1) eq '-';
            my $depth = 0;
            do {
                return if --$at < 0;
                my $c = substr($text, $at, 1);
                $depth += $c eq '>' ? 1 : $c eq '<' ? -1 : 0;
                return if $c =~ /[;{}]/;
            } while ($depth > 0);
        }
        substr($text, 0, $at) =~ /([A-Za-z_]\w*)\s*$/ or return;
        my ($word, $start) = ($1, $-[1]);
        return if $no_type{$word} || $word =~ /^(?:__\w+|[A-Z][A-Z0-9]*_[A-Z0-9_]*)$/; # macros
        $at = $start;
        if ($built_in{$word}) {
            while (substr($text, 0, $at) =~ /(\w+)\s+$/ && $built_in{$1}) {
                $at = $-[1];
            }
        }
        last unless substr($text, 0, $at) =~ /::\s*$/;
        $at = $-[0];
        last unless substr($text, 0, $at) =~ /[\w>]\s*$/; # ::name
    }
    $at = $-[1] if substr($text, 0, $at) =~ /\b(typename)\s+$/;
    return if substr($text, 0, $at) =~ /\bconst\s+$/; # const T const
    return $at;
}

my $found = 0;
for my $file (@ARGV) {
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    close $in;
    my $mask = sub { $file =~ /\.md$/ ? masked_page($_[0]) : masked($_[0]) };
    my ($before, $code, $from) = ($text, $mask->($text), 0);
    pos($code) = 0;
    while ($code =~ /(?<=[\w>])\s+const\b/g) {
        my ($gap, $end) = ($-[0], $+[0]);
        my $start = type_before($code, $gap);
        next unless defined $start;
        if ($check) {
            my $line = 1 + (substr($text, 0, $gap) =~ tr/\n//);
            print "$file:$line: const stands behind its type\n";
            ++$found;
            next;
        }
        for my $each (\$text, \$code) {
            my $type = substr($$each, $start, $gap - $start);
            substr($$each, $start, $end - $start) = "const $type";
        }
        pos($code) = $start + 5; # types inside this one may have theirs
    }
    next if $check || $text eq $before;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $text;
    close $out;
}
exit($found ? 1 : 0);
