float f(float x)
{
    if (x > 0)
        goto done;
    x = -x;
done:
    return x;
}
