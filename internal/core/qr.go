package core

import "doorstep/internal/totp"

// QRCode draws an otpauth:// text as an SVG, for a page.
func QRCode(uri string) (svg string, err error) { return totp.QRSVG(uri) }

// QRPicture draws it as a PNG, for the API.
func QRPicture(uri string) (png []byte, err error) { return totp.QRPNG(uri) }
