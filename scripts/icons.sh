#!/bin/sh
# Draws the PNG icons from their SVG sources; needs rsvg-convert (Debian: librsvg2-bin). The results are committed.
set -eu
cd "$(dirname "$0")/../resources/icons"
rsvg-convert -w 512 -h 512 icon.svg -o icon.png
rsvg-convert -w 16 -h 16 tray.svg -o trayTemplate.png
rsvg-convert -w 32 -h 32 tray.svg -o trayTemplate@2x.png
# Panels of Linux and Windows do not recolour icons: a tone that is seen on light and dark ones.
sed 's/#000000/#1f9fbd/' tray.svg | rsvg-convert -w 32 -h 32 -o tray.png
